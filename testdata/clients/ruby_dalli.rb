# Dalli on the nodes of a pair; each line of the input is a question.
#
# usage: ruby_dalli.rb NODE NODE
require 'dalli'

Dalli.logger.level = Logger::ERROR
CACHE = Dalli::Client.new(
  ARGV.dup,
  failover: true, # the default: the keys of a node that is down go to the other one
  down_retry_delay: 1, # seconds until it is tried again
  socket_max_failures: 0, # the first failure takes it out
  socket_timeout: 10,
  value_max_bytes: 1_000_000, compress: false
)
$stdout.sync = true

def text(value) = value.nil? ? 'none' : value.to_s
def yes(answer) = answer && answer != 0 ? 'yes' : 'no' # a cas, or 0
RAW = { raw: true }.freeze

def calls
  puts "set #{yes CACHE.set('k', '1', 0, RAW)}"
  puts "get #{text CACHE.get('k')}"
  puts "get-missing #{text CACHE.get('missing')}"
  puts "add #{yes CACHE.add('added', '1')}"
  puts "add-again #{yes CACHE.add('added', '2')}"
  puts "replace #{yes CACHE.replace('k', '2', 0, RAW)}"
  puts "replace-missing #{yes CACHE.replace('missing', '2')}"
  CACHE.append('k', 'end')
  CACHE.prepend('k', 'start')
  puts "append-prepend #{text CACHE.get('k')}"
  value, cas = CACHE.get_cas('k')
  puts "cas #{yes CACHE.set_cas('k', "#{value}!", cas)}"
  puts "cas-stale #{yes CACHE.set_cas('k', 'stale', cas)}"
  puts "cas-value #{text CACHE.get('k')}"
  CACHE.set('n', '40', 0, RAW)
  puts "incr #{text CACHE.incr('n', 5)}"
  puts "decr #{text CACHE.decr('n', 2)}"
  puts "decr-floor #{text CACHE.decr('n', 100)}"
  puts "incr-missing #{text CACHE.incr('missing', 1)}"
  puts "touch #{yes CACHE.touch('k', 1000)}"
  puts "touch-missing #{yes CACHE.touch('missing', 1000)}"
  puts "delete #{yes CACHE.delete('k')}"
  puts "delete-missing #{yes CACHE.delete('k')}"
  CACHE.multi { (1..3).each { |i| CACHE.set("m#{i}", i.to_s) } }
  got = CACHE.get_multi('m1', 'm2', 'm3', 'missing')
  puts "set-several #{yes got.size == 3}"
  puts "get-several #{got.sort.map { |k, v| "#{k}=#{v}" }.join(' ')}"
  { bytes: (0..255).to_a.pack('C*'), large: 'x' * 900_000 }.each do |name, bytes|
    CACHE.set(name.to_s, bytes, 0, RAW)
    puts "#{name} #{yes CACHE.get(name.to_s).b == bytes.b}"
  end
end

def put(prefix, count)
  stored = (0...count).count do |i|
    CACHE.set("#{prefix}#{i}", "value of #{prefix}#{i}")
  rescue Dalli::DalliError => e
    warn e.message
  end
  puts "stored #{stored}"
end

def have(prefix, count)
  found = (0...count).count do |i|
    value = CACHE.get("#{prefix}#{i}")
    puts "wrong #{prefix}#{i} #{value}" unless [nil, "value of #{prefix}#{i}"].include?(value)
    value
  rescue Dalli::DalliError => e
    warn e.message
  end
  puts "found #{found}"
end

$stdin.each_line do |line|
  question, prefix, count = line.split
  case question
  when 'calls' then calls
  when 'put' then put(prefix, count.to_i)
  when 'have' then have(prefix, count.to_i)
  when 'flush' then CACHE.flush_all
  end
  puts 'done'
end
