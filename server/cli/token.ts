// `pollux token`: API tokens for programs.

import { Command, Option } from 'commander'
import { createAudit } from '../audit.ts'
import { addToken } from '../auth/tokens.ts'
import { parseDuration } from '../model/duration.ts'
import { ROLES, type Role } from '../model/user.ts'
import { CLI_ACTOR, withStore } from './open.ts'
import { print, printJson, printTable } from './output.ts'

export function tokenCommand(): Command {
  const command = new Command('token').description('tokens for programs that use /api/v1')
  command
    .command('add')
    .description('make a token; it is printed once and cannot be read again')
    .requiredOption('--name <name>', 'what it is for')
    .addOption(
      new Option('--role <role>', 'what it may do').choices([...ROLES]).default('technician'),
    )
    .option('--expires <duration>', 'how long it lives, at most 366d', '365d')
    .option('--json', 'answer as JSON')
    .action((options: { name: string; role: Role; expires: string; json?: boolean }) =>
      withStore(async ({ store }) => {
        const { name, role } = options
        const made = await addToken(store.users, {
          name,
          role,
          expiresInMs: parseDuration(options.expires),
          at: Date.now(),
        })
        await createAudit(store.audit).record(CLI_ACTOR, 'token.create', `token:${name}`, {
          after: { role, expiresAt: made.expiresAt },
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
