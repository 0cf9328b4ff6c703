{{- /* A Service's name has at most 63 characters, and the metrics' one has eight more than this. */ -}}
{{- define "headlesscms-operator.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 55 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 55 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "headlesscms-operator.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (include "headlesscms-operator.fullname" .) -}}
{{- end -}}

{{- define "headlesscms-operator.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{- define "headlesscms-operator.volumes" -}}
{{- with .Values.prometheus.tokenSecret }}
{{- if .name }}
- name: prometheus-token
  secret:
    secretName: {{ .name }}
    items: [{key: {{ .key | quote }}, path: token}]
{{- end }}
{{- end }}
{{- with .Values.prometheus.caConfigMap }}
{{- if .name }}
- name: prometheus-ca
  configMap:
    name: {{ .name }}
    items: [{key: {{ .key | quote }}, path: ca.crt}]
{{- end }}
{{- end }}
{{- with .Values.tracing.caConfigMap }}
{{- if .name }}
- name: tracing-ca
  configMap:
    name: {{ .name }}
    items: [{key: {{ .key | quote }}, path: ca.crt}]
{{- end }}
{{- end }}
{{- end -}}

{{- define "headlesscms-operator.selectorLabels" -}}
app.kubernetes.io/name: headlesscms-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "headlesscms-operator.labels" -}}
{{ include "headlesscms-operator.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}
