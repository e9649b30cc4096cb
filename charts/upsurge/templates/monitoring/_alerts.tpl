{{- /* The alerts, each for something that somebody has to do. `.by` is the selector of the release's metrics. */}}
{{- define "upsurge.alerts" -}}
- alert: UpsurgeNotLeading
  expr: absent(upsurge_leader{ {{- .by -}} } == 1)
  for: 5m
  labels: {severity: critical, namespace: {{ .namespace }}}
  annotations:
    summary: No Upsurge operator leads.
    description: >-
      No operator of release {{ .release }} holds its lease, or none can be scraped: no load test begins or ends. Look at the pods
      and their logs: kubectl -n {{ .namespace }} get pods,lease
- alert: UpsurgePolicyRefused
  expr: upsurge_policy_valid{ {{- .by -}} } == 0
  for: 5m
  labels: {severity: warning}
  annotations:
    summary: The policy of Upsurge is wrong.
    description: >-
      {{ `{{ $labels.pod }}` }} can't use its policy file, so the policy before still holds. Its log says what is wrong.
- alert: UpsurgeCertificateRefused
  expr: upsurge_collector_certificate_valid{ {{- .by -}} } == 0
  for: 10m
  labels: {severity: critical}
  annotations:
    summary: The certificate of Upsurge's collector can't be used.
    description: >-
      {{ `{{ $labels.pod }}` }} can't use what is in the collector's Secret, and keeps the certificate from before, if it had one. Its log
      says what is wrong.
- alert: UpsurgeCertificateExpires
  expr: 0 < upsurge_collector_certificate_expiry_timestamp_seconds{ {{- .by -}} } < time() + 7 * 86400
  for: 1h
  labels: {severity: warning}
  annotations:
    summary: The certificate of Upsurge's collector expires within a week.
    description: >-
      The certificate that {{ `{{ $labels.pod }}` }} shows to runners is valid until {{ `{{ $value | humanizeTimestamp }}` }}. Nothing has
      replaced it so far; once it has expired, no run can begin.
- alert: UpsurgeReconcilesFail
  expr: sum by (namespace, pod, controller, category) (rate(upsurge_reconcile_errors_total{ {{- .by }}, category!="Invalid"}[5m])) > 0.05
  for: 15m
  labels: {severity: warning}
  annotations:
    summary: Upsurge fails to work on load tests.
    description: >-
      {{ `{{ $labels.pod }}` }} has failed {{ `{{ $value | printf "%.2f" }}` }} times per second for a quarter of an hour ({{ `{{ $labels.controller }}` }},
      {{ `{{ $labels.category }}` }}): tests and runs wait. Its log says why.
{{- end }}
