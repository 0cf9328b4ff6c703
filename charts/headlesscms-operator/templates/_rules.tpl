{{/*
What the operator may do in the namespaces that it serves. It never writes the spec of a
HeadlessCMS. RBAC cannot select by label: the right on Secrets covers every Secret of a served
namespace, although only the referenced and the generated ones are read or written. Use
watchNamespaces to narrow it.
*/}}
{{- define "headlesscms-operator.rules" -}}
- apiGroups: [headlesscms.io]
  resources: [headlesscmses]
  verbs: &seen [list, watch]
- apiGroups: [headlesscms.io]
  resources: [headlesscmses/status]
  verbs: [patch]
# Owner references that block deletion need this where OwnerReferencesPermissionEnforcement is on.
- apiGroups: [headlesscms.io]
  resources: [headlesscmses/finalizers]
  verbs: [update]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
- apiGroups: [""]
  resources: [pods]
  verbs: *seen
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [get, list, watch]
# These stay for as long as their owner, and go with it: the operator deletes none.
- apiGroups: [""]
  resources: [secrets, serviceaccounts]
  verbs: [get, list, watch, create, patch]
- apiGroups: [""]
  resources: [configmaps, services]
  verbs: &children [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [controllerrevisions, deployments]
  verbs: *children
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: *children
# Made anew where another is wanted, never changed.
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, delete]
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: *children
- apiGroups: [networking.k8s.io]
  resources: [ingresses, networkpolicies]
  verbs: *children
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: *children
{{- end -}}
