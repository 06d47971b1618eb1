{{/*
Copyright (c) 2026, Entasis Engine contributors
GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
SPDX-License-Identifier: GPL-3.0-or-later
*/}}

{{/* The value at a path with dots, as JSON {"value": ...}; {} where the path ends early. Takes [values, path]. */}}
{{- define "stand-in.at" -}}
{{- $here := dict "value" (index . 0) -}}
{{- range $key := splitList "." (index . 1) -}}
  {{- if and (hasKey $here "value") (kindIs "map" $here.value) (hasKey $here.value $key) -}}
    {{- $_ := set $here "value" (index $here.value $key) -}}
  {{- else -}}
    {{- $_ := unset $here "value" -}}
  {{- end -}}
{{- end -}}
{{- toJson $here -}}
{{- end -}}

{{/* What the chart is called: its name, or nameOverride. */}}
{{- define "stand-in.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* What its objects are called: the release's name, with the chart's where the release's does not hold it. */}}
{{- define "stand-in.fullname" -}}
{{- $name := include "stand-in.name" . -}}
{{- $both := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- .Values.fullnameOverride | default $both | trunc 63 | trimSuffix "-" -}}
{{- end -}}
