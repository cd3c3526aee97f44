/**
 * Marks the options of an append whose events already have the injected metadata. A command handler injects it when it
 * decides, because it returns the events, and keeps a state of them, without reading them from the store.
 */
const injectedCalls = new WeakSet<object>()

export function markInjected<Options extends object>(options: Options): Options {
  injectedCalls.add(options)
  return options
}

export function isInjected(options: object | undefined): boolean {
  return options !== undefined && injectedCalls.has(options)
}
