{{- /* What runner pods are like where a test says nothing else, as the operator reads it. Nothing if all of that is empty. */}}
{{- define "upsurge.runnerDefaults" -}}
{{- $runner := omit .Values.runner "image" "keep" }}
{{- $secrets := include "upsurge.pullSecrets" (dict "root" . "more" $runner.imagePullSecrets) | fromYamlArray }}
{{- $given := dict }}
{{- range $name, $value := merge (dict "imagePullSecrets" $secrets) $runner }}
{{- if $value }}
{{- $_ := set $given $name $value }}
{{- end }}
{{- end }}
{{- if $given }}
{{- toYaml $given }}
{{- end }}
{{- end }}
