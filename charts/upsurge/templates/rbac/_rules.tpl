{{- /* What the operator may do where load tests are: what it uses, and nothing else. No rule names secrets: runner pods
refer to them by secretKeyRef, which the kubelet resolves. */}}
{{- define "upsurge.rules" -}}
- apiGroups: [upsurge.dev]
  resources: [loadtests]
  verbs: [get, list, watch]
- apiGroups: [upsurge.dev]
  resources: [loadtestruns]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [upsurge.dev]
  resources: [loadtests/status, loadtestruns/status]
  verbs: [patch]
# What a run is made of. Server-side apply needs patch, and create for what is not there yet.
- apiGroups: [internal.upsurge.dev]
  resources: [checkpoints]
  verbs: [get, create, update, delete]
{{- if .Values.operator.records.enabled }}
# What a finished run leaves. Of many only lists of metadata are read; one is, for the pod that puts it into a store.
- apiGroups: [internal.upsurge.dev]
  resources: [records]
  verbs: [get, list, create, patch, delete]
{{- end }}
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [serviceaccounts]
  verbs: [create, patch, delete]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
# Why a Job can't create its pods, and why the target's are missing.
- apiGroups: [""]
  resources: [events]
  verbs: [list, watch]
# What is watched of the target and of its autoscaler.
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [list, watch]
- apiGroups: [apps]
  resources: [deployments, statefulsets, replicasets]
  verbs: [list, watch]
- apiGroups: ["*"]
  resources: ["*/scale"]
  verbs: [get]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [list, watch]
- apiGroups: [metrics.k8s.io]
  resources: [pods]
  verbs: [list]
{{- if .Values.rbac.keda }}
- apiGroups: [keda.sh]
  resources: [scaledobjects]
  verbs: [get, list, watch]
{{- end }}
{{- if .Values.rbac.legacyCheckpoints }}
# For the upgrade from a version that kept checkpoints in ConfigMaps.
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get]
{{- end }}
{{- end }}
