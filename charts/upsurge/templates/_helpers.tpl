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

{{- /* All labels of an object: those by which it is selected, then `more`, then the user's, then those that only inform. The
first that sets a label wins, so that none is there twice. */}}
{{- define "upsurge.labelsWith" -}}
{{- $root := .root }}
{{- $informing := dict
  "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_")
  "app.kubernetes.io/version" $root.Chart.AppVersion
  "app.kubernetes.io/part-of" "upsurge"
  "app.kubernetes.io/managed-by" $root.Release.Service }}
{{- $selecting := include "upsurge.selectorLabels" $root | fromYaml }}
{{- merge (dict) (.fixed | default dict) $selecting (.more | default dict) ($root.Values.commonLabels | default dict) $informing | toYaml }}
{{- end }}

{{- /* What is inside `metadata` of an object. Of `root`, `name` and, if need be, `namespace` (or `cluster`), `fixed` labels that
nobody can set, `labels` and `annotations`. */}}
{{- define "upsurge.metadata" -}}
name: {{ .name }}
{{- if not .cluster }}
namespace: {{ .namespace | default .root.Release.Namespace }}
{{- end }}
labels:
  {{- include "upsurge.labelsWith" (dict "root" .root "fixed" .fixed "more" .labels) | nindent 2 }}
{{- with merge (dict) (.annotations | default dict) (.root.Values.commonAnnotations | default dict) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "upsurge.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "upsurge.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name is needed when serviceAccount.create is false" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- /* A list in which each key is there once: where the first of its entries was, as the last one says. So an entry of the user's
replaces one of the chart's, and an API server that applies lists by key sees none doubled. */}}
{{- define "upsurge.byKey" -}}
{{- $key := .key }}
{{- $last := dict }}
{{- range .items }}
{{- $_ := set $last (get . $key) . }}
{{- end }}
{{- $result := list }}
{{- range .items }}
{{- if hasKey $last (get . $key) }}
{{- $result = append $result (get $last (get . $key)) }}
{{- $_ := unset $last (get . $key) }}
{{- end }}
{{- end }}
{{- if $result }}
{{- toYaml $result }}
{{- end }}
{{- end }}

{{- define "upsurge.collectorSecret" -}}
{{- printf "%s-collector-tls" (include "upsurge.fullname" .) }}
{{- end }}

{{- /* The name of a Service of the release, for whoever is in the cluster. */}}
{{- define "upsurge.host" -}}
{{- $host := printf "%s-%s.%s.svc" (include "upsurge.fullname" .root) .service .root.Release.Namespace }}
{{- with .root.Values.clusterDomain }}
{{- $host = printf "%s.%s" $host . }}
{{- end }}
{{- $host }}
{{- end }}

{{- define "upsurge.collectorHost" -}}
{{- include "upsurge.host" (dict "root" . "service" "collector") }}
{{- end }}

{{- /* Runners that were told authorities speak TLS whatever the scheme is; those of images from before there was TLS take it as it
stands, and are told that they are too old. */}}
{{- define "upsurge.collectorUrl" -}}
{{- printf "http://%s:%v" (include "upsurge.collectorHost" .) .Values.collector.service.port }}
{{- end }}

{{- define "upsurge.subject" -}}
kind: ServiceAccount
name: {{ include "upsurge.serviceAccountName" . }}
namespace: {{ .Release.Namespace }}
{{- end }}
