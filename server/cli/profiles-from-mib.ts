// `pollux profiles from-mib`: a MIB's table as the beginning of a profile, or an existing profile
// checked against what the MIB says.

import { writeFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { AppError } from '../model/errors.ts'
import type { Mib } from '../model/mib.ts'
import { buildCatalogue } from '../profiles/build.ts'
import type { Catalogue } from '../profiles/catalogue.ts'
import { disagreements } from '../profiles/mib-check.ts'
import { profileOfMib } from '../profiles/mib-profile.ts'
import { nearest } from '../profiles/nearest.ts'
import { readMib } from '../snmp/mib.ts'
import { print, printJson } from './output.ts'
import { loadProfiles } from './profiles-sources.ts'

interface FromMibOptions {
  table?: string[]
  scalars?: string[] | true
  notifications?: string[] | true
  mibs?: string[]
  output?: string
  check?: string
  json?: boolean
}

export function addFromMibCommand(parent: Command): void {
  const command = parent
    .command('from-mib')
    .description("a profile to begin with, from a MIB's tables and scalars")
    .argument('<file>', 'the MIB; what it imports is looked for beside it')
    .option('--table <name...>', 'these tables, as ifTable')
    .option('--scalars [name...]', 'these scalars, or all')
    .option('--notifications [name...]', 'these traps and informs, or all')
    .option('--mibs <folder...>', 'more folders with imported MIBs')
    .option('--output <file>', 'write there instead of to standard output')
    .option('--check <profile>', "compare this profile's units and scales with the MIB instead")
    .option('--json', 'with --check: answer as JSON')
    .action(async (file: string, options: FromMibOptions) => {
      const mib = await readMib(file, options.mibs)
      if (options.check !== undefined) await check(mib, options.check, options.json === true)
      else if (options.table || options.scalars || options.notifications)
        await generate(mib, options)
      else
        command.error(
          `error: name tables, scalars or notifications of ${mib.module}\n${contents(mib)}`,
        )
    })
}

function contents({ tables, scalars, notifications }: Mib): string {
  const lines = tables.map(({ name, columns }) => `  --table ${name}  (${columns.length} columns)`)
  if (scalars.length > 0) {
    lines.push(`  --scalars ${scalars.map(({ name }) => name).join(' ')}`)
  }
  if (notifications.length > 0) {
    lines.push(`  --notifications ${notifications.map(({ name }) => name).join(' ')}`)
  }
  return lines.join('\n')
}

async function generate(mib: Mib, options: FromMibOptions): Promise<void> {
  const { table: tables = [], scalars = [], notifications = [], output } = options
  const catalogue = buildCatalogue(await loadProfiles())
  const document = profileOfMib(mib, {
    tables: tables.map(name => named(mib, mib.tables, name, 'table')),
    scalars:
      scalars === true ? mib.scalars : scalars.map(name => named(mib, mib.scalars, name, 'scalar')),
    notifications:
      notifications === true
        ? mib.notifications
        : notifications.map(name => named(mib, mib.notifications, name, 'notification')),
    taken: groupsOf(catalogue),
  })
  const text = `${JSON.stringify(document, null, 2)}\n`
  if (output === undefined) process.stdout.write(text)
  else {
    await writeFile(output, text, { flag: 'wx' }).catch((cause: unknown) => {
      throw new AppError('E_OUTPUT', `${output} cannot be written`, {
        cause,
        hint: 'name a file that is not there yet',
      })
    })
    print(`${output}: edit it, then "pollux profiles check"`)
  }
}

function named<T extends { name: string }>(
  mib: Mib,
  things: readonly T[],
  name: string,
  kind: string,
): T {
  const found = things.find(thing => thing.name === name)
  if (found) return found
  const near = nearest(
    name,
    things.map(thing => thing.name),
  )
  throw new AppError('E_MIB', `${mib.module} has no ${kind} ${name}`, {
    hint:
      near === null
        ? `it has ${things.map(thing => thing.name).join(', ')}`
        : `did you mean ${near}?`,
  })
}

function groupsOf({ profiles }: Catalogue): Set<string> {
  return new Set([...profiles.values()].flatMap(profile => profile.groups))
}

async function check(mib: Mib, id: string, json: boolean): Promise<void> {
  const catalogue = buildCatalogue(await loadProfiles())
  const profile = catalogue.profiles.get(id)
  if (!profile) {
    const near = nearest(id, catalogue.profiles.keys())
    throw new AppError('E_PROFILE', `there is no profile ${id}`, {
      ...(near !== null && { hint: `did you mean ${near}?` }),
    })
  }
  const found = disagreements(profile, mib)
  if (json) printJson({ profile: id, module: mib.module, disagreements: found })
  else {
    for (const { metric, message, object } of found) print(`${metric} ${message} (${object})`)
    print(`${found.length} disagreements between ${id} and ${mib.module}`)
  }
  if (found.length > 0) process.exitCode = 1
}
