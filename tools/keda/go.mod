// Nothing is built of it: it carries the definition of ScaledObject.
module upsurge.dev/tools/keda

go 1.26.0

require github.com/kedacore/keda/v2 v2.21.0
