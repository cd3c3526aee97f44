import type { SubscriptionEnvironment } from './environment.ts'

export async function waitForCheckpoint(
  _environment: SubscriptionEnvironment,
  _name: string,
  _target: { readonly position: number; readonly timeout: number; readonly signal: AbortSignal | undefined },
): Promise<void> {
  throw new Error('placeholder: engine-work has it')
}
