// `pollux token`: API tokens for programs.

import { Command, Option } from 'commander'
import { createAudit } from '../audit.ts'
import { addToken } from '../auth/tokens.ts'
import { parseDuration } from '../model/duration.ts'
import { type Permission, ROLES, type Role, SCOPES, scopeWithin } from '../model/user.ts'
import { CLI_ACTOR, withStore } from './open.ts'
import { print, printJson, printTable } from './output.ts'

interface TokenOptions {
  name: string
  role: Role
  may?: Permission[]
  expires: string
  json?: boolean
}

export function tokenCommand(): Command {
  const command = new Command('token').description('tokens for programs that use /api/v1')
  command
    .command('add')
    .description('make a token; it is printed once and cannot be read again')
    .requiredOption('--name <name>', 'what it is for')
    .addOption(
      new Option('--role <role>', 'what it may do').choices([...ROLES]).default('technician'),
    )
    .addOption(
      new Option('--may <permissions...>', 'only these of what its role may').choices([...SCOPES]),
    )
    .option('--expires <duration>', 'how long it lives, at most 366d', '365d')
    .option('--json', 'answer as JSON')
    .action((options: TokenOptions) =>
      withStore(async ({ store }) => {
        const { name, role } = options
        const scope = options.may ? scopeWithin(role, options.may) : null
        const made = await addToken(store.users, {
          name,
          role,
          scope,
          expiresInMs: parseDuration(options.expires),
          at: Date.now(),
        })
        await createAudit(store.audit).record(CLI_ACTOR, 'token.create', `token:${name}`, {
          after: { role, scope, expiresAt: made.expiresAt },
        })
        if (options.json) printJson({ name, role, token: made.token, expiresAt: made.expiresAt })
        else print(made.token)
      }),
    )
  command
    .command('list')
    .description('all tokens, without their texts')
    .option('--json', 'answer as JSON')
    .action((options: { json?: boolean }) =>
      withStore(async ({ store }) => {
        const tokens = await store.users.tokens()
        if (options.json) return printJson(tokens)
        const day = (at: number | null) =>
          at === null ? 'never' : new Date(at).toISOString().slice(0, 10)
        printTable(
          ['NAME', 'ROLE', 'PREFIX', 'EXPIRES', 'USED'],
          tokens.map(t => [t.name, t.role, t.prefix, day(t.expiresAt), day(t.usedAt)]),
        )
      }),
    )
  return command
}
