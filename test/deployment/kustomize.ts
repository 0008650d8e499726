// What `kubectl kustomize` makes of docker/kubernetes, as far as its files go: resources, a namespace, images and
// patches that are merged. Debian's kubectl is too old for them.

import { readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import Type, { type Static } from 'typebox'
import { parseAllDocuments } from 'yaml'
import { parser } from '../../server/validate.ts'

const Kustomization = Type.Object(
  {
    apiVersion: Type.Literal('kustomize.config.k8s.io/v1beta1'),
    kind: Type.Literal('Kustomization'),
    namespace: Type.Optional(Type.String()),
    resources: Type.Array(Type.String()),
    images: Type.Optional(
      Type.Array(
        Type.Object({ name: Type.String(), newName: Type.String(), newTag: Type.String() }),
      ),
    ),
    patches: Type.Optional(
      Type.Array(Type.Object({ path: Type.String() }, { additionalProperties: false })),
    ),
  },
  { additionalProperties: false },
)
const parseKustomization = parser(Kustomization, 'E_TEST', 'a kustomization')

const Head = Type.Object({
  apiVersion: Type.String(),
  kind: Type.String(),
  metadata: Type.Object({ name: Type.String(), namespace: Type.Optional(Type.String()) }),
})
const parseHead = parser(Head, 'E_TEST', 'an object of Kubernetes')

export interface Rendered extends Static<typeof Head> {
  object: unknown
}

export async function render(folder: string): Promise<Rendered[]> {
  const [kustomization] = await documents(path.join(folder, 'kustomization.yaml'))
  const { resources, namespace, images = [], patches = [] } = parseKustomization(kustomization)
  const found: Rendered[] = []
  for (const resource of resources) {
    const place = path.join(folder, resource)
    if ((await stat(place)).isDirectory()) found.push(...(await render(place)))
    else for (const object of await documents(place)) found.push({ ...parseHead(object), object })
  }
  for (const patch of patches) {
    for (const object of await documents(path.join(folder, patch.path))) {
      const { kind, metadata } = parseHead(object)
      const target = found.find(one => one.kind === kind && one.metadata.name === metadata.name)
      if (!target)
        throw new Error(`${patch.path} patches ${kind} ${metadata.name}, which is not there`)
      target.object = merged(target.object, object)
    }
  }
  return found.map(({ object }) => {
    const placed = namespace ? merged(object, { metadata: { namespace } }) : object
    const whole = withImages(placed, images)
    return { ...parseHead(whole), object: whole }
  })
}

async function documents(file: string): Promise<unknown[]> {
  return parseAllDocuments(await readFile(file, 'utf8')).map(document => {
    if (document.errors[0]) throw document.errors[0]
    return document.toJS()
  })
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Lists of things with names are merged by name, others take the place of what was there. */
function merged(into: unknown, from: unknown): unknown {
  if (isObject(into) && isObject(from)) {
    const whole = { ...into }
    for (const [key, value] of Object.entries(from)) whole[key] = merged(into[key], value)
    return whole
  }
  if (!Array.isArray(into) || !Array.isArray(from)) return from
  const all: unknown[] = [...into, ...from]
  if (!all.every(one => isObject(one) && 'name' in one)) return from
  const byName = new Map<unknown, unknown>()
  for (const one of all.filter(isObject)) byName.set(one.name, merged(byName.get(one.name), one))
  return [...byName.values()]
}

type Images = NonNullable<Static<typeof Kustomization>['images']>

function withImages(value: unknown, images: Images): unknown {
  if (Array.isArray(value)) return value.map(one => withImages(one, images))
  if (!isObject(value)) return value
  const entries = Object.entries(value).map(([key, one]) => {
    const image = key === 'image' && images.find(({ name }) => name === one)
    return [key, image ? `${image.newName}:${image.newTag}` : withImages(one, images)]
  })
  return Object.fromEntries(entries)
}
