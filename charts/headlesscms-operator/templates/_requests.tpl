{{/*
What people may ask by an annotation headlesscms.io/VERB; each is an RBAC verb of its own.
*/}}
{{- define "headlesscms-operator.requestVerbs" -}}
promote promote-full pause resume abort retry rollback restart
{{- end -}}

{{/* Admission policies are cluster-wide, and so they are left out with watchNamespaces. */}}
{{- define "headlesscms-operator.guardsRequests" -}}
{{- if and .Values.requestPolicies.enabled (not .Values.watchNamespaces) }}true{{ else }}false{{ end -}}
{{- end -}}

{{- define "headlesscms-operator.stampsRequests" -}}
{{- $served := .Capabilities.APIVersions.Has "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy" -}}
{{- $wanted := eq .Values.requestPolicies.stamp "always" -}}
{{- $automatic := and (eq .Values.requestPolicies.stamp "auto") $served -}}
{{- if eq (include "headlesscms-operator.guardsRequests" .) "true" }}{{ or $wanted $automatic }}{{ else }}false{{ end -}}
{{- end -}}

{{- define "headlesscms-operator.requestMatch" -}}
resourceRules:
  - apiGroups: [headlesscms.io]
    apiVersions: ["*"]
    resources: [headlesscmses]
    operations: [CREATE, UPDATE]
{{- end -}}

{{- define "headlesscms-operator.requestVariables" -}}
{{- $verbs := include "headlesscms-operator.requestVerbs" . | splitList " " -}}
- name: verbs
  expression: "['{{ join "', '" $verbs }}']"
- name: before
  expression: "oldObject != null && has(oldObject.metadata.annotations) ? oldObject.metadata.annotations : {}"
- name: now
  expression: "has(object.metadata.annotations) ? object.metadata.annotations : {}"
- name: asked
  expression: >-
    variables.verbs.filter(verb, 'headlesscms.io/' + verb in variables.now &&
    !('headlesscms.io/' + verb in variables.before &&
    variables.before['headlesscms.io/' + verb] == variables.now['headlesscms.io/' + verb]))
{{- end -}}
