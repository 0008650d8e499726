// Who may hold a connection of the embedded broker: peers that have not signed in cannot take the
// places of those that will, nor one address all of them.

import type { Socket } from 'node:net'

export interface DoorLimits {
  /** Connections of one address. */
  addressMax: number
  /** Connections that have not signed in. */
  waitingMax: number
  /** Of those, of one address. */
  addressWaitingMax: number
}

export interface Door {
  /** Lets a connection in; where too many wait, the one that waited longest goes. */
  enter(socket: Socket): void
  signedIn(socket: Socket): void
}

/**
 * The newcomer is let in and the oldest goes: an honest client signs in within milliseconds, and one
 * that says nothing would stay. Of the address that has the most, so that the others are left alone.
 * @param onCut one was cut or refused
 */
export function createDoor(limits: DoorLimits, onCut: () => void): Door {
  const { addressMax, waitingMax, addressWaitingMax } = limits
  const present = new Map<string, number>()
  /** By peer, the oldest first. */
  const waiting = new Map<string, Socket>()

  function cut(socket: Socket): void {
    onCut()
    socket.destroy()
  }

  function cutOldest(): void {
    const counts = new Map<string, number>()
    for (const { remoteAddress = '' } of waiting.values()) {
      counts.set(remoteAddress, (counts.get(remoteAddress) ?? 0) + 1)
    }
    const most = Math.max(...counts.values())
    if (waiting.size <= waitingMax && most <= addressWaitingMax) return
    for (const [peer, socket] of waiting) {
      if (counts.get(socket.remoteAddress ?? '') !== most) continue
      waiting.delete(peer)
      cut(socket)
      return
    }
  }

  return {
    enter(socket) {
      const address = socket.remoteAddress
      // Gone already.
      if (address === undefined) return void socket.destroy()
      const here = present.get(address) ?? 0
      if (here >= addressMax) return cut(socket)
      present.set(address, here + 1)
      const peer = peerOf(socket)
      waiting.set(peer, socket)
      socket.once('close', () => {
        waiting.delete(peer)
        const left = (present.get(address) ?? 1) - 1
        if (left === 0) present.delete(address)
        else present.set(address, left)
      })
      cutOldest()
    },
    signedIn: socket => void waiting.delete(peerOf(socket)),
  }
}

/** The same for a TCP socket and the TLS socket above it. */
function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress}|${remotePort}`
}
