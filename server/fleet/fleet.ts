// Brings an engine to what a fleet asks for, shows how far it is, and takes it down. Containers go
// side by side, a few at a time; the failure of one stops only those that depend on it.

import type { Deployed, Deployer } from '../docker/deploy.ts'
import { AppError, messageOf } from '../model/errors.ts'
import { isOf, LABELS, networksOf, specHash, type Unit, volumesOf } from './units.ts'

/** Containers that are made or removed at a time; the engine's disk is what bounds them. */
const containersAtOnce = 8
/** Images that are pulled at a time. */
const pullsAtOnce = 3

export type Action =
  | 'created'
  | 'recreated'
  | 'started'
  | 'unchanged'
  | 'removed'
  | 'failed'
  /** Something that it depends on failed. */
  | 'skipped'

export interface Outcome {
  kind: 'container' | 'network' | 'volume'
  name: string
  action: Action
  /** Why it failed, and what can be done; empty otherwise. */
  detail: string
}

export type Progress = (outcome: Outcome) => void

/** @throws AppError where the engine as a whole does not answer */
export async function up(
  deployer: Deployer,
  fleet: string,
  units: readonly Unit[],
  progress: Progress,
): Promise<Outcome[]> {
  const found = await deployer.containers()
  const run = outcomes(progress)
  const failed = new Set([
    ...(await ensureAll(deployer, fleet, 'network', networksOf(units), run)),
    ...(await ensureAll(deployer, fleet, 'volume', volumesOf(units), run)),
  ])

  const wanted = new Set(units.map(({ container }) => container.name))
  const inTurn = limiter(containersAtOnce)
  const leftOver = found.filter(one => isOf(fleet, one) && !wanted.has(one.name))
  await Promise.all(leftOver.map(one => inTurn(() => run.remove(deployer, one))))

  const byName = new Map(found.map(one => [one.name, one]))
  const image = imagesOf(deployer)
  const services = new Map<string, Promise<boolean>>()
  const serviceReady = (key: string): Promise<boolean> => {
    const ready =
      services.get(key) ??
      Promise.all(units.filter(unit => unit.service === key).map(upOne)).then(all =>
        all.every(Boolean),
      )
    services.set(key, ready)
    return ready
  }
  const isFailed = (name: string) => failed.has(name)
  const upOne = async (unit: Unit): Promise<boolean> => {
    const { name } = unit.container
    const before = await Promise.all(
      unit.depends.map(async key => [key, await serviceReady(key)] as const),
    )
    const missing = before.find(([, isReady]) => !isReady)
    // A container would quietly join what bears the name, whose ever it is.
    const absent = missing?.[0] ?? [...networksOf([unit]), ...volumesOf([unit])].find(isFailed)
    if (absent !== undefined) {
      run.tell({ kind: 'container', name, action: 'skipped', detail: `"${absent}" failed` })
      return false
    }
    return run.attempt('container', name, async () => {
      // Pulls have a bound of their own: a slow registry keeps no container waiting that has its image.
      const imageId = await image(unit.container.image)
      return inTurn(() => bring(deployer, fleet, unit, imageId, byName.get(name)))
    })
  }
  await Promise.all(units.map(({ service }) => serviceReady(service)))
  return run.all
}

/** States in which a container is at work, or will be by itself. */
const AT_WORK = new Set(['running', 'paused', 'restarting'])

async function bring(
  deployer: Deployer,
  fleet: string,
  { container }: Unit,
  imageId: string,
  found: Deployed | undefined,
): Promise<Action> {
  if (found && !isOf(fleet, found)) {
    throw new AppError(
      'E_FLEET_FOREIGN',
      `a container of this name is there that is not of ${fleet}`,
      {
        hint: 'it was left alone; rename it, or the fleet',
      },
    )
  }
  const spec = specHash(container, imageId)
  if (found?.labels[LABELS.spec] === spec) {
    if (AT_WORK.has(found.state)) return 'unchanged'
    await deployer.start(found.id)
    return 'started'
  }
  if (found) await deployer.remove(found.id)
  const labels = { ...container.labels, [LABELS.spec]: spec }
  await deployer.start(await deployer.create({ ...container, labels }))
  return found ? 'recreated' : 'created'
}

/** Each image is looked for once, and pulled once where it is not there. */
function imagesOf(deployer: Deployer): (image: string) => Promise<string> {
  const inTurn = limiter(pullsAtOnce)
  const known = new Map<string, Promise<string>>()
  const look = async (image: string) => {
    const there = await deployer.imageId(image)
    if (there !== null) return there
    return inTurn(async () => {
      await deployer.pull(image)
      const id = await deployer.imageId(image)
      if (id === null) throw new AppError('E_DOCKER_PULL', `${image} was pulled, but is not there`)
      return id
    })
  }
  return image => {
    const found = known.get(image) ?? look(image)
    known.set(image, found)
    return found
  }
}

/** @returns the names that failed */
async function ensureAll(
  deployer: Deployer,
  fleet: string,
  kind: 'network' | 'volume',
  names: readonly string[],
  run: Run,
): Promise<string[]> {
  const failed: string[] = []
  for (const name of names) {
    const isThere = await run.attempt(kind, name, async () => {
      const isNew = await deployer.ensure(`${kind}s`, name, { [LABELS.fleet]: fleet })
      return isNew ? 'created' : 'unchanged'
    })
    if (!isThere) failed.push(name)
  }
  return failed
}

export interface StatusLine {
  name: string
  service: string
  image: string
  /** The engine's word, or `missing`; `left over`: no longer in the file. */
  state: string
  status: string
  isGood: boolean
}

/** What of the fleet is there, in the order of the file. */
export async function status(
  deployer: Deployer,
  fleet: string,
  units: readonly Unit[],
): Promise<StatusLine[]> {
  const own = (await deployer.containers()).filter(one => isOf(fleet, one))
  const byName = new Map(own.map(one => [one.name, one]))
  const wanted = units.map(({ service, container: { name, image } }): StatusLine => {
    const found = byName.get(name)
    byName.delete(name)
    const state = found?.state ?? 'missing'
    return { name, service, image, state, status: found?.status ?? '', isGood: state === 'running' }
  })
  const leftOver = [...byName.values()].map(
    (one): StatusLine => ({
      name: one.name,
      service: one.labels[LABELS.service] ?? '',
      image: one.image,
      state: 'left over',
      status: one.status,
      isGood: false,
    }),
  )
  return [...wanted, ...leftOver]
}

/** Removes what bears the fleet's label, and nothing else; volumes only where that is asked for. */
export async function down(
  deployer: Deployer,
  fleet: string,
  withVolumes: boolean,
  progress: Progress,
): Promise<Outcome[]> {
  const run = outcomes(progress)
  const inTurn = limiter(containersAtOnce)
  const own = (await deployer.containers()).filter(one => isOf(fleet, one))
  await Promise.all(own.map(one => inTurn(() => run.remove(deployer, one))))
  for (const kind of withVolumes ? (['network', 'volume'] as const) : (['network'] as const)) {
    for (const name of await deployer.labelled(`${kind}s`, `${LABELS.fleet}=${fleet}`)) {
      await run.attempt(kind, name, async () => {
        await deployer.removeNamed(`${kind}s`, name)
        return 'removed'
      })
    }
  }
  return run.all
}

type Run = ReturnType<typeof outcomes>

/** What became of each thing, told as it happens. */
function outcomes(progress: Progress) {
  const all: Outcome[] = []
  const tell = (outcome: Outcome) => {
    all.push(outcome)
    progress(outcome)
  }
  const attempt = async (kind: Outcome['kind'], name: string, work: () => Promise<Action>) => {
    try {
      tell({ kind, name, action: await work(), detail: '' })
      return true
    } catch (error) {
      const hint = error instanceof AppError && error.hint ? `. ${error.hint}` : ''
      tell({ kind, name, action: 'failed', detail: `${messageOf(error)}${hint}` })
      return false
    }
  }
  const remove = (deployer: Deployer, { id, name }: Deployed) =>
    attempt('container', name, async () => {
      await deployer.remove(id)
      return 'removed'
    })
  return { all, tell, attempt, remove }
}

/** At most so many at a time, in the order in which they came. */
function limiter(atOnce: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = []
  let busy = 0
  return async work => {
    if (busy >= atOnce) await new Promise<void>(resolve => waiting.push(resolve))
    else busy++
    try {
      return await work()
    } finally {
      // The place goes straight to the next one.
      const next = waiting.shift()
      if (next) next()
      else busy--
    }
  }
}
