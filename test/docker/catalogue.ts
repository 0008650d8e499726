// The shipped profiles of Docker as a catalogue, for tests of what reads an engine.

import { readFile } from 'node:fs/promises'
import { buildCatalogue } from '../../server/profiles/build.ts'
import type { Catalogue } from '../../server/profiles/catalogue.ts'

export async function dockerCatalogue(): Promise<Catalogue> {
  const sources = ['docker', 'docker-container'].map(async id => {
    const text = await readFile(new URL(`../../oids/${id}.json`, import.meta.url), 'utf8')
    return { id, file: `oids/${id}.json`, text, from: 'shipped' as const }
  })
  return buildCatalogue(await Promise.all(sources))
}
