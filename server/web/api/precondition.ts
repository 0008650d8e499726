// Two people must not overwrite each other: a device's version as an entity tag, and `If-Match`
// (RFC 9110, 8.8.3 and 13.1.1).

import { AppError } from '../../model/errors.ts'

export function entityTag(version: number): string {
  return `"${version}"`
}

/**
 * Whether the request may go on for a device of this version. Without the header it may.
 * @throws AppError E_PRECONDITION
 */
export function assertMatch(ifMatch: string | undefined, version: number): void {
  if (ifMatch === undefined) return
  const tags = ifMatch.split(',').map(tag => tag.trim())
  if (tags.includes('*') || tags.includes(entityTag(version))) return
  throw new AppError(
    'E_PRECONDITION',
    `the device is at version ${version}, If-Match asks for ${ifMatch.slice(0, 100)}`,
    { hint: 'somebody changed it in between: read it again and repeat your change' },
  )
}
