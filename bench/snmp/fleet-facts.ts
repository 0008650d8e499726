// What both simulators and all pollers of the benchmark agree on: who answers where, and what is asked.

export const PORTS = 52
export const COMMUNITY = 'public'
export const V3 = { user: 'bench', auth: 'authpass123', priv: 'privpass123' } as const

export const SYS_UP_TIME = '1.3.6.1.2.1.1.3.0'
const IF_ENTRY = '1.3.6.1.2.1.2.2.1'
const IF_X_ENTRY = '1.3.6.1.2.1.31.1.1.1'
/** ifAdminStatus, ifOperStatus, ifInDiscards, ifInErrors, ifOutDiscards, ifOutErrors. */
export const IF_COLUMNS = [7, 8, 13, 14, 19, 20]
/** ifHCInOctets, ifHCInUcastPkts, ifHCOutOctets, ifHCOutUcastPkts, ifHighSpeed. */
export const IF_X_COLUMNS = [6, 7, 10, 11, 15]
export const IF_TABLE = IF_ENTRY.slice(0, -2)
export const IF_X_TABLE = IF_X_ENTRY.slice(0, -2)
export const COLUMNS = [
  ...IF_COLUMNS.map(n => `${IF_ENTRY}.${n}`),
  ...IF_X_COLUMNS.map(n => `${IF_X_ENTRY}.${n}`),
]
/** Values of one poll: sysUpTime and every column of every port. */
export const VARBINDS = 1 + COLUMNS.length * PORTS

/** 127.1.x.y, as both simulators have them. */
export function fleetAddress(device: number): string {
  return `127.1.${device >> 8}.${device & 255}`
}
