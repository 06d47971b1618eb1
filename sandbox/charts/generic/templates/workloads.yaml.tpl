{{/*
Copyright (c) 2026, Entasis Engine contributors
GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
SPDX-License-Identifier: GPL-3.0-or-later
*/}}
{{- $standIn := .Files.Get "stand-in.json" | fromJson }}
{{- $namespace := .Values.namespaceOverride | default .Release.Namespace }}
{{- if and $standIn.refusesDefaultNamespace (eq $namespace "default") (not .Values.allowDefaultNamespace) }}
{{- fail (printf "%s does not install into the namespace default: choose another, or set allowDefaultNamespace" .Chart.Name) }}
{{- end }}
{{- $fullname := include "stand-in.fullname" . }}
{{- $selector := dict "app.kubernetes.io/name" (include "stand-in.name" .) "app.kubernetes.io/instance" .Release.Name }}
{{- $about := dict "app.kubernetes.io/version" .Chart.AppVersion "app.kubernetes.io/managed-by" .Release.Service "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version) "entasis.io/simulated" "true" }}
{{- $image := ternary .Values.image (dict) (kindIs "map" .Values.image) }}
{{- range $workload := $standIn.workloads }}
{{- $own := dict }}
{{- if $workload.values }}
{{- $own = (include "stand-in.at" (list $.Values $workload.values) | fromJson).value | default dict }}
{{- end }}
{{- $values := dict }}
{{- range $key := list "replicas" "resources" "nodeSelector" "affinity" "tolerations" "topologySpreadConstraints" "priorityClassName" "runtimeClassName" "podLabels" "podAnnotations" "podDisruptionBudget" "minReadySeconds" }}
{{- $value := ternary (index $own $key) (index $.Values $key) (and (hasKey $own $key) (not (empty (index $own $key)))) }}
{{- $_ := set $values $key $value }}
{{- end }}
{{- $enabled := true }}
{{- if $workload.enabled }}
{{- $switch := include "stand-in.at" (list $.Values $workload.enabled) | fromJson }}
{{- $enabled = and (hasKey $switch "value") $switch.value }}
{{- end }}
{{- if $enabled }}
{{- $name := printf "%s%s" $fullname $workload.suffix }}
{{- $pods := merge (dict) $workload.labels $selector (dict "app.kubernetes.io/component" (trimPrefix "-" $workload.suffix | default $.Chart.Name)) }}
---
apiVersion: apps/v1
kind: {{ $workload.kind }}
metadata:
  name: {{ $name }}
  namespace: {{ $namespace }}
  labels:
    {{- merge (dict) $pods $about | toYaml | nindent 4 }}
spec:
  {{- if ne $workload.kind "DaemonSet" }}
  replicas: {{ $values.replicas | default 1 }}
  {{- end }}
  {{- if eq $workload.kind "StatefulSet" }}
  serviceName: {{ $name }}
  {{- end }}
  {{- with $values.minReadySeconds }}
  minReadySeconds: {{ . }}
  {{- end }}
  selector:
    matchLabels:
      {{- toYaml $pods | nindent 6 }}
  template:
    metadata:
      labels:
        {{- merge (dict) $pods ($values.podLabels | default dict) | toYaml | nindent 8 }}
      {{- with $values.podAnnotations }}
      annotations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      {{- with merge (dict) $workload.node_selector ($values.nodeSelector | default dict) }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- range $key := list "affinity" "tolerations" "topologySpreadConstraints" }}
      {{- with index $values $key }}
      {{ $key }}:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- end }}
      {{- range $key := list "priorityClassName" "runtimeClassName" }}
      {{- with index $values $key }}
      {{ $key }}: {{ . }}
      {{- end }}
      {{- end }}
      containers:
        {{- range $index, $container := $workload.containers }}
        - name: {{ $container }}
          image: {{ $image.repository | default $standIn.image }}:{{ $image.tag | default $standIn.tag }}
          {{- with ternary $values.resources nil (eq $index 0) }}
          resources:
            {{- toYaml . | nindent 12 }}
          {{- end }}
        {{- end }}
{{- with $workload.service }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ $name }}
  namespace: {{ $namespace }}
  labels:
    {{- merge (dict) $pods $about | toYaml | nindent 4 }}
spec:
  selector:
    {{- toYaml $pods | nindent 4 }}
  ports:
    {{- range $port, $number := . }}
    - name: {{ $port }}
      port: {{ $number }}
    {{- end }}
{{- end }}
{{- if and (kindIs "map" $values.podDisruptionBudget) (ne $workload.kind "DaemonSet") }}
{{- if $values.podDisruptionBudget.enabled }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ $name }}
  namespace: {{ $namespace }}
  labels:
    {{- merge (dict) $pods $about | toYaml | nindent 4 }}
spec:
  {{- range $key := list "minAvailable" "maxUnavailable" "unhealthyPodEvictionPolicy" }}
  {{- with index $values.podDisruptionBudget $key }}
  {{ $key }}: {{ . }}
  {{- end }}
  {{- end }}
  selector:
    matchLabels:
      {{- toYaml $pods | nindent 6 }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
