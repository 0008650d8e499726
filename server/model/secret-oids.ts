// Where a device tells over SNMP with which secrets it may be read: objects that nobody may record, and
// that no profile may read, as whoever writes profiles may not see secrets. Vendors' own tables are not known.

/** Who may read, with which community, and where traps go: RFC 3413 to 3415, 3584. */
const SUBTREES = [12, 13, 14, 15, 16, 18].map(id => `1.3.6.1.6.3.${id}`)
/** RMON's eventCommunity (RFC 2819) and trapDestCommunity (RFC 2021). */
const COLUMNS = ['1.3.6.1.2.1.16.9.1.1.4', '1.3.6.1.2.1.16.19.13.1.2']

const SECRET_OIDS = [...SUBTREES, ...COLUMNS]

const isAtOrUnder = (root: string, oid: string) => oid === root || oid.startsWith(`${root}.`)

/** Whether this object is, or is part of, what tells a secret. */
export function tellsSecret(oid: string): boolean {
  return SECRET_OIDS.some(root => isAtOrUnder(root, oid))
}

/** Whether walking what is below this OID comes upon a secret. */
export function walksSecret(oid: string): boolean {
  return SECRET_OIDS.some(root => isAtOrUnder(root, oid) || isAtOrUnder(oid, root))
}
