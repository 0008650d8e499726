// What the images of containers are called in registries: asked once for each image, as what an image is
// never changes. An engine, or a proxy before it, that does not say is asked again after a rest.

import { AppError } from '../model/errors.ts'
import type { Engine } from './engine.ts'

type Asked = Pick<Engine, 'repoDigests'>

/** Images that are remembered; the oldest go first. */
const imagesMax = 1000
/** After a failure none is asked about for so long, ms. */
const failedRestMs = 15 * 60_000

export class ImageDigests {
  /** Image id → `name@sha256:…` in each registry that it came from or went to. */
  readonly #known = new Map<string, Promise<readonly string[]>>()
  #restUntil = Number.NEGATIVE_INFINITY

  /**
   * `sha256:…` of the manifest under the container's own image name, else under another one; null: it was
   * never in a registry, or that is not known.
   * @throws what the signal was aborted with
   */
  async of(
    engine: Asked,
    { ImageID: id, Image: image }: { ImageID?: string | null; Image?: string | null },
    signal: AbortSignal,
  ): Promise<string | null> {
    if (!id) return null
    const all = await this.#asked(engine, id, signal)
    const own = all.find(one => one.startsWith(`${nameOf(image ?? '')}@`)) ?? all[0]
    return own?.split('@')[1] ?? null
  }

  async #asked(engine: Asked, id: string, signal: AbortSignal): Promise<readonly string[]> {
    const before = this.#known.get(id)
    if (!before && performance.now() < this.#restUntil) return []
    const answer = before ?? engine.repoDigests(id)
    if (!before) this.#remember(id, answer)
    try {
      return await unlessAborted(answer, signal)
    } catch (error) {
      if (signal.aborted) throw error
      this.#known.delete(id)
      // An image that was removed says nothing of the others.
      const isGone = error instanceof AppError && error.code === 'E_DOCKER_GONE'
      if (!isGone) this.#restUntil = performance.now() + failedRestMs
      return []
    }
  }

  #remember(id: string, answer: Promise<readonly string[]>): void {
    answer.catch(() => undefined)
    this.#known.set(id, answer)
    const oldest = this.#known.keys().next()
    if (this.#known.size > imagesMax && !oldest.done) this.#known.delete(oldest.value)
  }
}

/** Without tag and digest: a port has a slash after it. */
function nameOf(image: string): string {
  return image.replace(/@.*$/, '').replace(/:[^:/]*$/, '')
}

/** An answer that cannot be aborted; it ends by the time limit of a call. */
function unlessAborted<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const abort = () => reject(signal.reason)
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort)
  return Promise.race([answer, promise]).finally(() => signal.removeEventListener('abort', abort))
}
