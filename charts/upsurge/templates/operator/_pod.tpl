{{- /* The environment of the operator, without what the user adds. */}}
{{- define "upsurge.environment" -}}
- {name: POD_NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
- {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
- {name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
- {name: UPSURGE_MEMORY_LIMIT, valueFrom: {resourceFieldRef: {containerName: operator, resource: limits.memory}}}
- {name: UPSURGE_WATCH_NAMESPACES, value: {{ join "," .Values.watchNamespaces | quote }}}
{{- with .Values.pinning.namespaces }}
- {name: UPSURGE_PINNING_NAMESPACES, value: {{ join "," . | quote }}}
{{- end }}
- {name: UPSURGE_RUNNER_IMAGE, value: {{ include "upsurge.runnerImage" . | quote }}}
- {name: UPSURGE_RUNNER_IMAGE_PULL_POLICY, value: {{ include "upsurge.runnerPullPolicy" . | quote }}}
- {name: UPSURGE_KEEP_PASSED_RUNNERS, value: {{ .Values.runner.keep.passed | quote }}}
- {name: UPSURGE_KEEP_OTHER_RUNNERS, value: {{ .Values.runner.keep.notPassed | quote }}}
- {name: UPSURGE_RECORD_SIZE, value: {{ .Values.operator.records.enabled | ternary .Values.operator.records.perRun "0" | quote }}}
- {name: UPSURGE_RECORDS_PER_NAMESPACE, value: {{ .Values.operator.records.perNamespace | quote }}}
- {name: UPSURGE_RECORDS_IN_ALL, value: {{ .Values.operator.records.inAll | quote }}}
- {name: UPSURGE_COLLECTOR_LISTEN, value: "[::]:8080"}
- {name: UPSURGE_COLLECTOR_URL, value: {{ include "upsurge.collectorUrl" . | quote }}}
- {name: UPSURGE_ADMIN_LISTEN, value: "[::]:9090"}
- {name: UPSURGE_LEASE_NAME, value: {{ include "upsurge.fullname" . | quote }}}
- {name: UPSURGE_LOG_FORMAT, value: {{ .Values.operator.logFormat | quote }}}
{{- if .Values.collector.tls.secretName }}
- {name: UPSURGE_COLLECTOR_CERTIFICATE_DIRECTORY, value: /etc/upsurge/collector}
{{- else }}
- {name: UPSURGE_COLLECTOR_SECRET, value: {{ include "upsurge.collectorSecret" . | quote }}}
{{- end }}
{{- if .Values.policy }}
- {name: UPSURGE_POLICY_FILE, value: /etc/upsurge/policy/policy.yaml}
{{- end }}
{{- if include "upsurge.runnerDefaults" . }}
- {name: UPSURGE_RUNNER_DEFAULTS_FILE, value: /etc/upsurge/runner/runner.yaml}
{{- end }}
- {name: RUST_LOG, value: {{ .Values.operator.logFilter | quote }}}
{{- end }}

{{- /* Its mounts and volumes, likewise. Directories are mounted, not files: a file that is mounted by itself is never brought up to
date. */}}
{{- define "upsurge.mounts" -}}
{{- if .Values.collector.tls.secretName }}
- {name: collector, mountPath: /etc/upsurge/collector, readOnly: true}
{{- end }}
{{- if .Values.policy }}
- {name: policy, mountPath: /etc/upsurge/policy, readOnly: true}
{{- end }}
{{- if include "upsurge.runnerDefaults" . }}
- {name: runner, mountPath: /etc/upsurge/runner, readOnly: true}
{{- end }}
{{- end }}

{{- define "upsurge.volumes" -}}
{{- with .Values.collector.tls.secretName }}
- {name: collector, secret: {secretName: {{ . }}}}
{{- end }}
{{- if .Values.policy }}
- {name: policy, configMap: {name: {{ include "upsurge.fullname" . }}-policy}}
{{- end }}
{{- if include "upsurge.runnerDefaults" . }}
- {name: runner, configMap: {name: {{ include "upsurge.fullname" . }}-runner}}
{{- end }}
{{- end }}

{{- /* Where replicas run if nobody says so: on different nodes, in different zones, as far as possible. */}}
{{- define "upsurge.affinity" -}}
{{- if .Values.operator.affinity }}
{{- toYaml .Values.operator.affinity }}
{{- else if gt (int .Values.operator.replicas) 1 -}}
podAntiAffinity:
  preferredDuringSchedulingIgnoredDuringExecution:
  - weight: 100
    podAffinityTerm:
      topologyKey: kubernetes.io/hostname
      labelSelector:
        matchLabels:
          {{- include "upsurge.selectorLabels" . | nindent 10 }}
{{- end }}
{{- end }}

{{- define "upsurge.spread" -}}
{{- $constraints := .Values.operator.topologySpreadConstraints }}
{{- if and (not $constraints) (gt (int .Values.operator.replicas) 1) }}
{{- $constraints = list (dict "maxSkew" 1 "topologyKey" "topology.kubernetes.io/zone" "whenUnsatisfiable" "ScheduleAnyway") }}
{{- end }}
{{- $selector := dict "labelSelector" (dict "matchLabels" (include "upsurge.selectorLabels" . | fromYaml)) }}
{{- $result := list }}
{{- range $constraints }}
{{- $result = append $result (merge (dict) . (hasKey . "labelSelector" | ternary (dict) $selector)) }}
{{- end }}
{{- if $result }}
{{- toYaml $result }}
{{- end }}
{{- end }}
