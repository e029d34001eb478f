package serve

// holdsPort: Bind keeps the port from others until Listen.
const holdsPort = true
