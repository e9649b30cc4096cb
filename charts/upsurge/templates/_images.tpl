{{- /* The reference of an image: what is `own` wins over what both images share (`image`), and that over `global`. A repository
that names a registry, as container tools tell it, keeps that one. A digest that both share is not for an image with a tag of its
own, which it would overrule. */}}
{{- define "upsurge.image" -}}
{{- $own := .own }}
{{- $shared := .root.Values.image }}
{{- $registry := $own.registry }}
{{- if and (not $registry) (not (regexMatch "^(localhost|[^/]*[.:][^/]*)/" $own.repository)) }}
{{- $registry = default .root.Values.global.imageRegistry $shared.registry }}
{{- end }}
{{- $tag := default $shared.tag $own.tag }}
{{- $digest := $own.digest }}
{{- if not (or $own.tag $own.digest) }}
{{- $digest = $shared.digest }}
{{- end }}
{{- if not (or $tag $digest) }}
{{- $tag = .root.Chart.AppVersion }}
{{- end }}
{{- with $registry }}{{ trimSuffix "/" . }}/{{ end }}
{{- $own.repository }}
{{- with $tag }}:{{ . }}{{ end }}
{{- with $digest }}@{{ . }}{{ end }}
{{- end }}

{{- define "upsurge.operatorImage" -}}
{{- include "upsurge.image" (dict "root" . "own" .Values.operator.image) }}
{{- end }}

{{- define "upsurge.runnerImage" -}}
{{- include "upsurge.image" (dict "root" . "own" .Values.runner.image) }}
{{- end }}

{{- define "upsurge.runnerPullPolicy" -}}
{{- default .Values.image.pullPolicy .Values.runner.image.pullPolicy }}
{{- end }}

{{- /* Secrets to pull images with, each once: of the chart, `more`, and those of a parent chart, which may be names alone. */}}
{{- define "upsurge.pullSecrets" -}}
{{- $values := .root.Values }}
{{- $secrets := concat ($values.imagePullSecrets | default list) (.more | default list) }}
{{- range $values.global.imagePullSecrets }}
{{- if kindIs "string" . }}
{{- $secrets = append $secrets (dict "name" .) }}
{{- else }}
{{- $secrets = append $secrets . }}
{{- end }}
{{- end }}
{{- include "upsurge.byKey" (dict "key" "name" "items" $secrets) }}
{{- end }}
