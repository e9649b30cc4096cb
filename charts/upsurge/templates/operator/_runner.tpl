{{- /* What runner pods are like where a test says nothing else, as the operator reads it. Nothing if all of that is empty. */}}
{{- define "upsurge.runnerDefaults" -}}
{{- $runner := omit .Values.runner "image" "keep" }}
{{- $secrets := include "upsurge.pullSecrets" (dict "root" . "more" $runner.imagePullSecrets) | fromYamlArray }}
{{- /* The operator reads quantities as text only. */}}
{{- $resources := dict }}
{{- range $kind, $entries := $runner.resources }}
{{- if kindIs "map" $entries }}
{{- $texts := dict }}
{{- range $name, $quantity := $entries }}
{{- $_ := set $texts $name (toString $quantity) }}
{{- end }}
{{- $entries = $texts }}
{{- end }}
{{- $_ := set $resources $kind $entries }}
{{- end }}
{{- $given := dict }}
{{- range $name, $value := merge (dict "imagePullSecrets" $secrets "resources" $resources) (omit $runner "resources") }}
{{- if $value }}
{{- $_ := set $given $name $value }}
{{- end }}
{{- end }}
{{- if $given }}
{{- toYaml $given }}
{{- end }}
{{- end }}
