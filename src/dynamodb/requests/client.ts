/** Opens the client of the AWS SDK that sends the requests. */
import { checkText, driverError, InvalidInputError, readSafely, refuse } from '../../storage/index.ts'

/** A `DynamoDBClient` of the AWS SDK, version 3. */
export interface DynamodbClient {
  send(command: never, options?: { readonly abortSignal?: AbortSignal }): Promise<unknown>
  destroy(): void
}

export type CommandClass = new (input: object) => never
type Sdk = Readonly<Record<string, CommandClass>>

/** A client, and the SDK with the classes of its commands. */
export interface OpenedClient {
  readonly client: DynamodbClient
  readonly sdk: Sdk
  /** Whether the store opened the client itself, and so closes it. */
  readonly isOwned: boolean
}

/** How to reach DynamoDB: through a client of yours, or with a client that the store opens. */
export interface DynamodbAddress {
  /** A client of AWS SDK version 3. `close()` does not close it. @default a client that the store opens */
  readonly client?: DynamodbClient | undefined
  /**
   * The URL of DynamoDB or of an emulator; not together with `client`.
   *
   * @default the endpoint of the region
   */
  readonly endpoint?: string | undefined
  /** The AWS region, for a client that the store opens. @default the region of the environment */
  readonly region?: string | undefined
  /** The credentials, for a client that the store opens. @default the credentials of the environment */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined
}

/** Returns the function that opens the client. @throws InvalidInputError if an option is not valid */
export function opener({
  client,
  endpoint,
  region,
  credentials,
}: DynamodbAddress): () => Promise<OpenedClient> {
  if (endpoint !== undefined) checkEndpoint(endpoint)
  if (region !== undefined) checkText(region, 'region')
  if (credentials !== undefined && (typeof credentials !== 'object' || credentials === null)) {
    // The message does not show the value: it may be a secret.
    throw new InvalidInputError('credentials', 'must be an object', typeof credentials)
  }
  if (client !== undefined) {
    if (!readSafely('client', client, () => typeof client?.send === 'function')) {
      refuse('client', "must be a DynamoDBClient of '@aws-sdk/client-dynamodb'", client)
    }
    if (endpoint !== undefined) {
      refuse('endpoint', 'must not be given with a client, which has its own', endpoint)
    }
    return async () => {
      await checkRegion(client)
      return { client, sdk: await loadSdk(), isOwned: false }
    }
  }
  return async () => {
    const sdk = await loadSdk()
    const Client = sdk.DynamoDBClient as unknown as new (options: object) => DynamodbClient
    // The store retries, not the SDK: the SDK does not retry transactions in conflict, and does not know what must
    // change before a retry. The client has no timeouts: the store has its own, for every client.
    const options = { maxAttempts: 1, ...defined({ endpoint, region, credentials }) }
    const client = new Client(options)
    await checkRegion(client)
    return { client, sdk, isOwned: true }
  }
}

function checkEndpoint(endpoint: string): void {
  checkText(endpoint, 'endpoint')
  if (!/^https?:$/.test(URL.canParse(endpoint) ? new URL(endpoint).protocol : '')) {
    refuse('endpoint', "must be a URL such as 'http://localhost:8000'", endpoint)
  }
}

/**
 * Refuses a client without a region. The SDK's own error would come with each request, and looks like a lost connection:
 * the store would retry, and a subscription would wait.
 */
async function checkRegion(client: object): Promise<void> {
  const { region } = (client as { readonly config?: { readonly region?: unknown } }).config ?? {}
  if (typeof region !== 'function') return
  try {
    await region()
  } catch (cause) {
    const problem = 'must be given, or set in the environment (AWS_REGION) or in the configuration of AWS'
    throw new InvalidInputError('region', problem, 'undefined', { cause })
  }
}

function defined(options: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

async function loadSdk(): Promise<Sdk> {
  try {
    return (await import('@aws-sdk/client-dynamodb')) as unknown as Sdk
  } catch (error) {
    throw driverError('@aws-sdk/client-dynamodb', error)
  }
}
