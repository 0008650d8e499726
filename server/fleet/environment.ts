// The environment of each service with its secrets opened. What is missing is named by its path, all
// of it at once; a value is in no error and no log.

import { AppError, type FieldError } from '../model/errors.ts'
import type { EnvValue, Fleet } from './spec.ts'
import type { Environments } from './units.ts'

export interface SecretSources {
  /** null: there is no such secret. */
  secret(name: string): Promise<string | null>
  env: Readonly<Record<string, string | undefined>>
}

export function namesSecrets({ services }: Fleet): boolean {
  return Object.values(services).some(({ env = {} }) =>
    Object.values(env).some(value => typeof value === 'object' && 'secret' in value),
  )
}

/** @throws AppError E_FLEET_ENV whose `errors` name every value that is not there */
export async function environmentsOf(fleet: Fleet, sources: SecretSources): Promise<Environments> {
  const errors: FieldError[] = []
  const environments = new Map<string, Record<string, string>>()
  for (const [key, { env = {} }] of Object.entries(fleet.services)) {
    const opened: Record<string, string> = {}
    environments.set(key, opened)
    for (const [name, value] of Object.entries(env)) {
      const text = await textOf(value, sources)
      if (text !== null) opened[name] = text
      else errors.push({ path: `services.${key}.env.${name}`, message: missing(value) })
    }
  }
  if (errors.length === 0) return environments
  throw new AppError('E_FLEET_ENV', 'values for the environment of containers are missing', {
    errors,
    hint: 'nothing was changed on the engine',
  })
}

async function textOf(value: EnvValue, { secret, env }: SecretSources): Promise<string | null> {
  if (typeof value === 'string') return value
  return 'secret' in value ? secret(value.secret) : (env[value.env] ?? null)
}

function missing(value: EnvValue): string {
  if (typeof value === 'string') return 'is missing'
  return 'secret' in value
    ? `needs the secret "${value.secret}": printf %s "$TEXT" | npx pollux secret set ${value.secret}`
    : `needs ${value.env} in the environment of this command`
}
