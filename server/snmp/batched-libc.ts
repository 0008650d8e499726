// The few functions of glibc behind the batched transport, called through koffi (an optional
// dependency). Constants are Linux' own, the same on x64 and arm64.

import type { LibraryHandle } from 'koffi'

export const AF_INET = 2
export const AF_INET6 = 10
export const SOCK_DGRAM = 2
export const SOCK_NONBLOCK = 0o4000
export const SOCK_CLOEXEC = 0o2000000
export const SOL_SOCKET = 1
export const SO_RCVBUF = 8
export const IPPROTO_IPV6 = 41
export const IPV6_V6ONLY = 26
export const MSG_DONTWAIT = 0x40

export const GLIBC = 'libc.so.6'

/** An address in memory. */
export type Pointer = bigint

/** As in their manual pages (sections 2 and 3): -1 is a failure, whose number is `errno()`. */
export interface Libc {
  socket(family: number, type: number, protocol: number): number
  bind(fd: number, address: Uint8Array, length: number): number
  getsockname(fd: number, address: Uint8Array, length: Uint32Array): number
  setsockopt(fd: number, level: number, name: number, value: Int32Array, length: number): number
  getsockopt(
    fd: number,
    level: number,
    name: number,
    value: Int32Array,
    length: Uint32Array,
  ): number
  dup3(from: number, to: number, flags: number): number
  close(fd: number): number
  sendmmsg(fd: number, messages: Pointer, count: number, flags: number): number
  recvmmsg(fd: number, messages: Pointer, count: number, flags: number, timeout: null): number
  /** Of the last call in this thread. */
  errno(): number
  /** Where the buffer lies: it stays there as long as the buffer is referenced. */
  address(buffer: ArrayBuffer): Pointer
}

/** @throws Error where koffi is not installed, or the library or a function of it is not there */
export async function loadLibc(library: string): Promise<Libc> {
  const { default: koffi } = await import('koffi')
  const handle: LibraryHandle = koffi.load(library)
  const int = (name: string, ...parameters: string[]) => handle.func(name, 'int', parameters)
  return {
    socket: int('socket', 'int', 'int', 'int'),
    bind: int('bind', 'int', 'void *', 'uint32'),
    getsockname: int('getsockname', 'int', 'void *', 'void *'),
    setsockopt: int('setsockopt', 'int', 'int', 'int', 'void *', 'uint32'),
    getsockopt: int('getsockopt', 'int', 'int', 'int', 'void *', 'void *'),
    dup3: int('dup3', 'int', 'int', 'int'),
    close: int('close', 'int'),
    sendmmsg: int('sendmmsg', 'int', 'void *', 'uint32', 'int'),
    recvmmsg: int('recvmmsg', 'int', 'void *', 'uint32', 'int', 'void *'),
    errno: () => koffi.errno(),
    address: buffer => koffi.address(buffer),
  }
}
