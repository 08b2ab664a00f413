{{- /* The name of all objects: the release's if it contains the chart's, else both. */ -}}
{{- define "segmenter.fullname" -}}
{{- contains .Chart.Name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name .Chart.Name) }}
{{- end }}

{{- /* The labels of every selector: they can't be changed, so no label of them changes with a version. */ -}}
{{- define "segmenter.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "segmenter.podLabels" -}}
{{ include "segmenter.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: server
app.kubernetes.io/part-of: {{ .Chart.Name }}
{{- end }}

{{- define "segmenter.labels" -}}
{{ include "segmenter.podLabels" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* Seconds, longer than REQUEST_TIMEOUT, so that the client gets the service's 503. */ -}}
{{- define "segmenter.proxyTimeout" -}}
{{- add 10 (ceil .Values.settings.REQUEST_TIMEOUT) }}
{{- end }}
