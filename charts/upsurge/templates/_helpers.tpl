{{- define "upsurge.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* 53 characters leave room for the longest suffix within the 63 of a name. */}}
{{- define "upsurge.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 53 | trimSuffix "-" }}
{{- else if contains (include "upsurge.name" .) .Release.Name }}
{{- .Release.Name | trunc 53 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "upsurge.name" .) | trunc 53 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- /* Cluster-scoped names carry the release's namespace, so that several namespaced installs fit one cluster. */}}
{{- define "upsurge.clusterName" -}}
{{- printf "%s-%s" .Release.Namespace (include "upsurge.fullname" .) }}
{{- end }}

{{- define "upsurge.selectorLabels" -}}
app.kubernetes.io/name: {{ include "upsurge.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "upsurge.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "upsurge.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: upsurge
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "upsurge.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "upsurge.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name is needed when serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "upsurge.image" -}}
{{- printf "%s:%s" .image.repository (default .appVersion .image.tag) }}
{{- end }}

{{- define "upsurge.operatorImage" -}}
{{- include "upsurge.image" (dict "image" .Values.operator.image "appVersion" .Chart.AppVersion) }}
{{- end }}

{{- define "upsurge.runnerImage" -}}
{{- include "upsurge.image" (dict "image" .Values.runner.image "appVersion" .Chart.AppVersion) }}
{{- end }}

{{- define "upsurge.collectorSecret" -}}
{{- printf "%s-collector-tls" (include "upsurge.fullname" .) }}
{{- end }}

{{- /* Runners that were told authorities speak TLS whatever the scheme is; those of images from before there was TLS take it as it
stands, and are told that they are too old. */}}
{{- define "upsurge.collectorUrl" -}}
{{- printf "http://%s-collector.%s.svc:%v" (include "upsurge.fullname" .) .Release.Namespace .Values.collector.service.port }}
{{- end }}

{{- define "upsurge.subject" -}}
kind: ServiceAccount
name: {{ include "upsurge.serviceAccountName" . }}
namespace: {{ .Release.Namespace }}
{{- end }}

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
# Why a Job can't create its pods.
- apiGroups: [""]
  resources: [events]
  verbs: [list]
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
