// Keeps the load of the working threads even: moves idle devices from the most to the least loaded
// one, a few at a tick, and empties threads that are to go. The decisions are placement.ts.

import type { PooledDevice } from './device.ts'
import { leastLoaded, mostLoaded, movesBetween, uneven } from './placement.ts'
import { idleDevices, type Slot } from './slot.ts'

/** Moves of a tick: at least so many, else one device in a hundred. */
const movesPerTickMin = 4

const movesPerTickMax = (devices: number) => Math.max(movesPerTickMin, Math.ceil(devices / 100))

export interface Balancer {
  /** Moves from now on, until the threads are even. */
  begin(): void
  tick(): void
  /** A read ended: in a thread that is too busy hardly a device is idle but right then. */
  afterRead(slot: Slot, device: PooledDevice): void
  /** Moves some devices out of a draining thread. */
  drain(slot: Slot): void
}

export function createBalancer(parts: {
  working(): Slot[]
  move(device: PooledDevice, to: Slot): void
}): Balancer {
  const { working, move } = parts
  let balancing = false
  let movesLeft = 0

  const balance = (idleIn: (slot: Slot) => PooledDevice[]) => {
    const slots = working()
    const from = mostLoaded(slots)
    const to = leastLoaded(slots)
    balancing = from !== undefined && to !== undefined && uneven(from, to)
    if (!from || !to || !balancing) return
    for (const device of movesBetween({ load: from.load, idle: idleIn(from) }, to, movesLeft)) {
      move(device, to)
      movesLeft--
    }
  }

  return {
    begin() {
      balancing = true
    },
    tick() {
      const largest = Math.max(0, ...working().map(slot => slot.devices.size))
      movesLeft = movesPerTickMax(largest)
      if (balancing) balance(idleDevices)
    },
    afterRead(slot, device) {
      if (!balancing || movesLeft <= 0 || device.job !== null) return
      balance(from => (from === slot ? [device] : []))
    },
    drain(slot) {
      for (const device of idleDevices(slot).slice(0, movesPerTickMax(slot.devices.size))) {
        const to = leastLoaded(working())
        if (to) move(device, to)
      }
    },
  }
}
