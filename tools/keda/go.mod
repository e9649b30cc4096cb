// It carries the definition of ScaledObject, and is what KEDA itself is compiled from, by its own go.mod.
module upsurge.dev/tools/keda

go 1.26.0

require github.com/kedacore/keda/v2 v2.21.0
