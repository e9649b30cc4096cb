{{- /* What values.schema.json can't tell: values that don't go together. Included once, by the Deployment. */}}
{{- define "upsurge.checks" -}}
{{- $selecting := list "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/component" "upsurge.dev/service" }}
{{- $labels := dict
  "commonLabels" .Values.commonLabels
  "operator.podLabels" .Values.operator.podLabels
  "collector.service.labels" .Values.collector.service.labels
  "metrics.service.labels" .Values.metrics.service.labels }}
{{- range $where, $given := $labels }}
{{- range $selecting }}
{{- if hasKey ($given | default dict) . }}
{{- fail (printf "%s: the label %s can't be set: objects are selected by it" $where .) }}
{{- end }}
{{- end }}
{{- end }}
{{- range $where, $given := dict "runner.labels" .Values.runner.labels "runner.annotations" .Values.runner.annotations }}
{{- range $key, $_ := $given }}
{{- if or (hasPrefix "upsurge.dev/" $key) (has $key (list "app.kubernetes.io/managed-by" "app.kubernetes.io/component")) }}
{{- fail (printf "%s: %s can't be set: the operator sets it on runner pods" $where $key) }}
{{- end }}
{{- end }}
{{- end }}
{{- range concat (.Values.operator.extraContainers | default list) (.Values.operator.extraInitContainers | default list) }}
{{- if eq .name "operator" }}
{{- fail "operator.extraContainers, operator.extraInitContainers: the name operator is that of the operator's container: take another" }}
{{- end }}
{{- end }}
{{- if .Values.watchNamespaces }}
{{- range .Values.pinning.namespaces }}
{{- if not (has . $.Values.watchNamespaces) }}
{{- fail (printf "pinning.namespaces: %s is not one of watchNamespaces, so no test is run there" .) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.networkPolicy.enabled .Values.monitoring.serviceMonitor.enabled (not .Values.networkPolicy.metrics.from) }}
{{- fail "networkPolicy.enabled keeps Prometheus from the metrics that monitoring.serviceMonitor.enabled is for: name it in networkPolicy.metrics.from, such as [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]" }}
{{- end }}
{{- end }}
