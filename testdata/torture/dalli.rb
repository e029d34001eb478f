# Dalli on both nodes: each line of the output is a call: when it began (Unix
# ms), how long it took (ms), how it went.
#
# usage: dalli.rb NODE NODE
require 'dalli'

Dalli.logger.level = Logger::FATAL
CACHE = Dalli::Client.new(
  ARGV.dup,
  failover: true, # the default: the keys of a node that is down go to the other one
  down_retry_delay: 1, # seconds until it is tried again
  socket_max_failures: 0, # the first failure takes it out
  socket_timeout: 1
)
$stdout.sync = true
(0..).each do |i|
  key = "probe:rb:#{i / 2 % 64}"
  start = Time.now.to_f
  begin
    how = if i.even?
            CACHE.set(key, "rb.#{i}") ? 'ok' : 'fail'
          else
            CACHE.get(key) ? 'ok' : 'miss'
          end
  rescue Dalli::DalliError
    how = 'fail'
  end
  printf("%.3f %.3f %s\n", start * 1000, (Time.now.to_f - start) * 1000, how)
  sleep 0.02
end
