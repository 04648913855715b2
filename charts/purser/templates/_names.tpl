{{/* What several templates say. Objects have fixed names, because there is one operator in a cluster, and its certificate has them. */}}
{{- define "purser.labels" -}}
app.kubernetes.io/name: purser
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}
{{- define "purser.selector" -}}
app.kubernetes.io/name: purser
app.kubernetes.io/component: operator
{{- end }}
{{- define "purser.gateway" -}}
app.kubernetes.io/name: purser
app.kubernetes.io/component: gateway
{{- end }}
{{- define "purser.shared" -}}
{{- if and .Values.stores.redis.secret .Values.stores.postgres.secret }}true{{ end }}
{{- end }}
{{- define "purser.volume" -}}
{{- if not (include "purser.shared" .) }}true{{ end }}
{{- end }}
{{- define "purser.image" -}}
{{ .image.repository }}:{{ .image.tag | default .chart.AppVersion }}
{{- end }}
