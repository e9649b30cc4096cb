// Names the version whose sources are built, with its own go.mod, and which carries the definition of Canary. It is the newest one that
// the module proxy has.
module upsurge.dev/tools/flagger

go 1.26.0

require github.com/fluxcd/flagger v1.36.1
