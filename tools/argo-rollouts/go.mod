// Names the version whose sources are built, with its own go.mod, and which carries the definitions of Rollout and AnalysisTemplate.
module upsurge.dev/tools/argo-rollouts

go 1.26.0

require github.com/argoproj/argo-rollouts v1.10.1
