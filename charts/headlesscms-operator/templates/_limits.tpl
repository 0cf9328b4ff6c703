{{/*
CEL for what .Values.tenantPolicies forbids. A field that does not change is never refused: an object
that was there before can still be scaled down, annotated and deleted.
*/}}

{{/* The validations as YAML; empty where nothing is forbidden. */}}
{{- define "headlesscms-operator.limits" -}}
{{- $limits := .Values.tenantPolicies -}}
{{- with $limits.images }}
- expression: >-
    variables.sameImage || [{{ include "headlesscms-operator.celTexts" . }}].exists(allowed, allowed.endsWith('/') ?
    object.spec.image.startsWith(allowed) : object.spec.image == allowed ||
    object.spec.image.startsWith(allowed + ':') || object.spec.image.startsWith(allowed + '@'))
  reason: Forbidden
  message: {{ printf "spec.image is not from %s, as this cluster demands" (join " or " .) | quote }}
{{- end }}
{{- if $limits.imageDigest }}
- expression: "variables.sameImage || object.spec.image.contains('@sha256:')"
  reason: Forbidden
  message: spec.image has no digest (@sha256:...), which this cluster demands
{{- end }}
{{- with int $limits.maxReplicas }}
- expression: {{ include "headlesscms-operator.atMost" (dict "field" "replicas" "most" .) | quote }}
  reason: Forbidden
  message: {{ printf "spec.replicas is above %d, the most in this cluster" . | quote }}
- expression: {{ include "headlesscms-operator.atMost" (dict "field" "autoscaling.maxReplicas" "most" .) | quote }}
  reason: Forbidden
  message: {{ printf "spec.autoscaling.maxReplicas is above %d, the most in this cluster" . | quote }}
{{- end }}
{{- range $limits.required }}
{{- $set := include "headlesscms-operator.celHas" . }}
- expression: {{ printf "(%s) || (oldObject != null && !(%s))" $set ($set | replace "object." "oldObject.") | quote }}
  reason: Forbidden
  message: {{ printf "spec.%s is missing, which this cluster demands" . | quote }}
{{- end }}
{{- with $limits.serviceTypes }}
- expression: >-
    variables.serviceType in [{{ include "headlesscms-operator.celTexts" . }}] ||
    variables.serviceType == variables.serviceTypeBefore
  reason: Forbidden
  messageExpression: >-
    'spec.service.type is ' + variables.serviceType + ', and this cluster allows {{ join " and " . }} only'
{{- end }}
{{- with $limits.domains }}
- expression: >-
    !has(object.spec.route) || (oldObject != null && has(oldObject.spec.route) &&
    oldObject.spec.route.host == object.spec.route.host) ||
    [{{ include "headlesscms-operator.celTexts" . | replace "{namespace}" "' + object.metadata.namespace + '" }}].exists(domain,
    object.spec.route.host == domain || object.spec.route.host.endsWith('.' + domain))
  reason: Forbidden
  message: {{ printf "spec.route.host is not in %s, as this cluster demands" (join " or " .) | quote }}
{{- end }}
{{- range $limits.forbidden }}
- expression: {{ include "headlesscms-operator.unset" . | quote }}
  reason: Forbidden
  message: {{ printf "spec.%s must not be set in this cluster" . | quote }}
{{- end }}
{{- end -}}

{{- define "headlesscms-operator.celTexts" -}}
'{{ join "', '" . }}'
{{- end -}}

{{/* Whether a field and all above it are set. What has a dash is no name in CEL. */}}
{{- define "headlesscms-operator.celHas" -}}
{{- $path := "object.spec" -}}
{{- $parts := list -}}
{{- range splitList "." . -}}
{{- $parts = append $parts (contains "-" . | ternary (printf "'%s' in %s" . $path) (printf "has(%s.%s)" $path .)) -}}
{{- $path = printf "%s.%s" $path . -}}
{{- end -}}
{{- join " && " $parts -}}
{{- end -}}

{{- define "headlesscms-operator.atMost" -}}
{{- $now := include "headlesscms-operator.celHas" .field -}}
{{- $before := replace "object." "oldObject." $now -}}
!({{ $now }}) || object.spec.{{ .field }} <= {{ .most }} || (oldObject != null && {{ $before }} && object.spec.{{ .field }} <= oldObject.spec.{{ .field }})
{{- end -}}

{{/* A part of a list is looked for in a list that is unlike the one before. */}}
{{- define "headlesscms-operator.unset" -}}
{{- $field := . -}}
{{- $find := "" -}}
{{- if hasPrefix "rollout.analysis.measures." . -}}
{{- $field = "rollout.analysis.measures" -}}
{{- $find = printf "object.spec.%s.exists(found, has(found.%s))" $field (base (replace "." "/" .)) -}}
{{- else if eq . "pod.affinity.otherNamespaces" -}}
{{- $field = "pod.affinity" -}}
{{- $finds := list -}}
{{- range $kind := list "podAffinity" "podAntiAffinity" -}}
{{- range $when, $term := dict "required" "term" "preferred" "term.podAffinityTerm" -}}
{{- $list := printf "object.spec.pod.affinity.%s.%sDuringSchedulingIgnoredDuringExecution" $kind $when -}}
{{- $finds = append $finds (printf "(has(object.spec.pod.affinity.%s) && has(%s) && %s.exists(term, has(%s.namespaces) || has(%s.namespaceSelector)))" $kind $list $list $term $term) -}}
{{- end -}}
{{- end -}}
{{- $find = printf "(%s)" (join " || " $finds) -}}
{{- end -}}
{{- $now := include "headlesscms-operator.celHas" $field -}}
{{- $before := replace "object." "oldObject." $now -}}
!({{ $now }}{{ with $find }} && {{ . }}{{ end }}) || (oldObject != null && {{ $before }} && object.spec.{{ $field }} == oldObject.spec.{{ $field }})
{{- end -}}

{{- define "headlesscms-operator.limitedNamespaces" -}}
{{- with .Values.tenantPolicies.exemptNamespaces }}
matchResources:
  namespaceSelector:
    matchExpressions:
      - key: kubernetes.io/metadata.name
        operator: NotIn
        values:
          {{- toYaml . | nindent 10 }}
{{- end }}
{{- end -}}
