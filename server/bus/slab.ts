// Small buffers cut from larger ones: an allocation for each message costs more than copying it.

/** Bytes of one slab; what is larger than a quarter of it gets memory of its own. */
const slabBytes = 64 * 1024

/** Gives buffers of uninitialised memory; a slab is freed when nothing of it is used any more. */
export function createSlab(): (bytes: number) => Buffer {
  let slab = Buffer.alloc(0)
  let used = 0
  return bytes => {
    if (bytes > slabBytes / 4) return Buffer.allocUnsafeSlow(bytes)
    if (used + bytes > slab.length) {
      slab = Buffer.allocUnsafeSlow(slabBytes)
      used = 0
    }
    const given = slab.subarray(used, used + bytes)
    used += bytes
    return given
  }
}
