{{- /* The name of the chart, as a label and in names. */ -}}
{{- define "segmenter.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* The name of all objects: the release's if it contains the chart's, else both. */ -}}
{{- define "segmenter.fullname" -}}
{{- $name := include "segmenter.name" . }}
{{- $both := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) }}
{{- .Values.fullnameOverride | default $both | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* The labels of every selector: they can't be changed, so no label of them changes with a version. */ -}}
{{- define "segmenter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "segmenter.name" . }}
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

{{- define "segmenter.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{- /* The pods' service account; empty for the namespace's default one. */ -}}
{{- define "segmenter.serviceAccountName" -}}
{{- with .Values.serviceAccount }}
{{- .name | default (.create | ternary (include "segmenter.fullname" $) "") }}
{{- end }}
{{- end }}

{{- /* `cpu` and `memory` are request and limit, except where `requests` or `limits` has its own. */ -}}
{{- define "segmenter.resources" -}}
{{- $both := pick .Values.resources "cpu" "memory" -}}
requests:
  {{- merge (dict) (.Values.resources.requests | default dict) $both | toYaml | nindent 2 }}
limits:
  {{- merge (dict) (.Values.resources.limits | default dict) $both | toYaml | nindent 2 }}
{{- end }}

{{- /* Seconds, longer than REQUEST_TIMEOUT, so that the client gets the service's 503. */ -}}
{{- define "segmenter.proxyTimeout" -}}
{{- add 10 (ceil .Values.settings.REQUEST_TIMEOUT) }}
{{- end }}

{{- /* JSON Schema can't compare two values. */ -}}
{{- define "segmenter.checkReplicas" -}}
{{- with .Values.autoscaling }}
{{- if gt (int .minReplicas) (int .maxReplicas) }}
{{- $message := "autoscaling.minReplicas=%v is over autoscaling.maxReplicas=%v: set maxReplicas to %[1]v or more" }}
{{- printf $message .minReplicas .maxReplicas | fail }}
{{- end }}
{{- end }}
{{- end }}
