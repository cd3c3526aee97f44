// Imports every subpath of the published package, and fails if one of them exports nothing.
const subpaths = JSON.parse(process.argv[2])
for (const path of subpaths) {
  const names = Object.keys(await import(`@eventsourced/core${path.slice(1)}`))
  if (names.length === 0) throw new Error(`${path} exports nothing`)
  console.log(`package: import ${path}: ${names.length} names`)
}
