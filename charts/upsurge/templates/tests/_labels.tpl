{{- define "upsurge.testLabels" -}}
{{- merge (dict "app.kubernetes.io/component" "test") (include "upsurge.selectorLabels" . | fromYaml) | toYaml }}
{{- end }}
