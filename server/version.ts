// The version of Pollux, from package.json.

import { readFileSync } from 'node:fs'

function readVersion(): string {
  const parsed: unknown = JSON.parse(
    readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
  )
  if (typeof parsed === 'object' && parsed !== null && 'version' in parsed)
    return String(parsed.version)
  throw new Error('package.json has no version')
}

export const VERSION: string = readVersion()
