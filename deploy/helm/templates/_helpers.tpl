{{- /* The name of all objects: the release's if it contains the chart's. */ -}}
{{- define "segmenter.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-{{ .Chart.Name }}{{ end }}
{{- end }}

{{- define "segmenter.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "segmenter.podLabels" -}}
{{ include "segmenter.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion }}
app.kubernetes.io/component: server
app.kubernetes.io/part-of: {{ .Chart.Name }}
{{- end }}

{{- /* The metadata of all objects, as YAML. */ -}}
{{- define "segmenter.metadata" -}}
name: {{ include "segmenter.name" . }}
namespace: {{ .Release.Namespace }}
labels:
  {{- include "segmenter.podLabels" . | nindent 2 }}
  app.kubernetes.io/managed-by: {{ .Release.Service }}
  helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- /*
The object in a file of kubernetes/, with the metadata of this release, and with changes:
`include "segmenter.object" (list . FILE CHANGES)`. CHANGES is a dict like the object; a list in it replaces the whole list.
*/ -}}
{{- define "segmenter.object" -}}
{{- $root := index . 0 }}
{{- $object := $root.Files.Get (printf "kubernetes/%s" (index . 1)) | fromYaml }}
{{- $metadata := include "segmenter.metadata" $root | fromYaml }}
{{- mergeOverwrite $object (dict "metadata" $metadata) (index . 2) | toYaml }}
{{- end }}
