// Goal: both overlays of docker/kubernetes render, each object is one that Kubernetes takes, and what is
// started has the rights, probes and bounds of a thing that may be left alone.

import path from 'node:path'
import { StatefulSet } from 'kubernetes-models/apps/v1'
import { Ingress, NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1'
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1'
import { Service, ServiceAccount } from 'kubernetes-models/v1'
import t from 'tap'
import { readConfig, SETTINGS } from '../../server/config.ts'
import { render } from './kustomize.ts'

const OVERLAYS = path.join(import.meta.dirname, '../../docker/kubernetes/overlays')
const rendered = (overlay: string) => render(path.join(OVERLAYS, overlay))

/** By the schemas of Kubernetes. @throws Error that names the place */
const CHECKS: Record<string, (object: never) => void> = {
  'v1 Service': object => new Service(object).validate(),
  'v1 ServiceAccount': object => new ServiceAccount(object).validate(),
  'apps/v1 StatefulSet': object => new StatefulSet(object).validate(),
  'networking.k8s.io/v1 Ingress': object => new Ingress(object).validate(),
  'networking.k8s.io/v1 NetworkPolicy': object => new NetworkPolicy(object).validate(),
  'policy/v1 PodDisruptionBudget': object => new PodDisruptionBudget(object).validate(),
}

for (const overlay of ['single', 'external']) {
  t.test(overlay, async t => {
    const objects = await rendered(overlay)
    t.same(objects.map(({ kind }) => kind).sort(), [
      'Ingress',
      'NetworkPolicy',
      'PodDisruptionBudget',
      'Service',
      'Service',
      'ServiceAccount',
      'StatefulSet',
    ])
    for (const { apiVersion, kind, metadata, object } of objects) {
      t.doesNotThrow(() => CHECKS[`${apiVersion} ${kind}`]?.(object as never), metadata.name)
      t.ok(`${apiVersion} ${kind}` in CHECKS, `${kind} is checked`)
      t.equal(metadata.namespace, 'pollux', `${kind} ${metadata.name}`)
    }
    const set = objects.find(({ kind }) => kind === 'StatefulSet')?.object
    const { spec } = new StatefulSet(set as never)
    const pod = spec?.template.spec
    const [container, ...others] = pod?.containers ?? []
    t.equal(others.length, 0)
    t.match(pod, {
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    })
    t.match(container, {
      image: /^registry\.example\.org\/pollux:\d/,
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      },
      startupProbe: { httpGet: { path: '/healthz', port: 'web' } },
      livenessProbe: { httpGet: { path: '/healthz', port: 'web' } },
      readinessProbe: { httpGet: { path: '/readyz', port: 'web' } },
      resources: { requests: { cpu: String, memory: String }, limits: { memory: String } },
    })
    const names = new Set(SETTINGS.map(({ name }) => name))
    const env = container?.env ?? []
    for (const { name } of env) t.ok(names.has(name.replace(/_FILE$/, '')), `${name} is a setting`)
    const plain = env.filter(({ name }) => !name.endsWith('_FILE'))
    const settings = Object.fromEntries(plain.map(({ name, value }) => [name, value]))
    t.doesNotThrow(() => readConfig({ POLLUX_HOST: '0.0.0.0', ...settings }), 'and has this value')
    const mounted = new Set(container?.volumeMounts?.map(({ name }) => name))
    const claimed = spec?.volumeClaimTemplates?.map(({ metadata }) => metadata?.name) ?? []
    const there = [...(pod?.volumes?.map(({ name }) => name) ?? []), ...claimed]
    t.same([...mounted].sort(), there.sort(), 'what is mounted is there')
  })
}

t.test('a mistake would be told', async t => {
  const set = (await rendered('single')).find(({ kind }) => kind === 'StatefulSet')
  const wrong = JSON.parse(
    JSON.stringify(set?.object).replace('"containerPort":3000', '"containerPort":"web"'),
  )
  t.throws(() => CHECKS['apps/v1 StatefulSet']?.(wrong as never), /containerPort must be integer/)
})
