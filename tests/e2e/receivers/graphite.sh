# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Graphite: carbon-cache with the schemas that users copy, fed by write_graphite,
# and graphite-web. It also has
#
#   graphite_render TARGET [FORMAT [ARGUMENT...]]   # /render; JSON if not said
#   graphite_names              # all series that it knows
#   $graphite_port              # of graphite-web

# What is not set here, e2e.sh sets; what is not used here, it uses.
# shellcheck disable=SC2034,SC2154

need carbon-cache:graphite-carbon graphite-manage:graphite-web \
  gunicorn:gunicorn curl:curl jq:jq

graphite_counters=rates
# A step without a value is null: the newest one is what came last.
graphite_stale=3

graphite_configure() {
  free_port
  carbon_port=$port
  copied collectd.conf.d/graphite.conf
  sed -i "s/2003/$carbon_port/" "$copy"
  besides="Include \"$copy\""
}

# A second for a step, for an hour.
graphite_prepare() {
  graphite=$tmp/graphite
  mkdir -p "$graphite/whisper" "$graphite/log" "$graphite/conf"
  copied receivers/storage-schemas.conf
  sed 's/^retentions = .*/retentions = 1s:1h/' "$copy" \
    >"$graphite/conf/storage-schemas.conf"
  cp "$top/receivers/storage-aggregation.conf" "$graphite/conf/"
  free_port
  local pickle_port=$port
  free_port
  cat >"$graphite/conf/carbon.conf" <<EOF
[cache]
STORAGE_DIR = $graphite
LOCAL_DATA_DIR = $graphite/whisper
CONF_DIR = $graphite/conf
LOG_DIR = $graphite/log
PID_DIR = $graphite
MAX_CREATES_PER_MINUTE = inf
MAX_UPDATES_PER_SECOND = inf
LINE_RECEIVER_INTERFACE = 127.0.0.1
LINE_RECEIVER_PORT = $carbon_port
PICKLE_RECEIVER_INTERFACE = 127.0.0.1
PICKLE_RECEIVER_PORT = $pickle_port
CACHE_QUERY_INTERFACE = 127.0.0.1
CACHE_QUERY_PORT = $port
CARBON_METRIC_INTERVAL = 0
EOF
  cat >"$graphite/e2e_settings.py" <<EOF
SECRET_KEY = 'of a test'
CONF_DIR = '$graphite/conf'
STORAGE_DIR = '$graphite'
WHISPER_DIR = '$graphite/whisper'
STANDARD_DIRS = [WHISPER_DIR]
LOG_DIR = '$graphite/log'
INDEX_FILE = '$graphite/index'
CARBONLINK_HOSTS = ['127.0.0.1:$port']
DEFAULT_CACHE_DURATION = 0
FIND_CACHE_DURATION = 0
TIME_ZONE = 'UTC'
DATABASES = {'default': {'NAME': '$graphite/db',
                         'ENGINE': 'django.db.backends.sqlite3'}}
EOF
  # Its own wsgi.py insists on the settings below /etc.
  cat >"$graphite/e2e_wsgi.py" <<'EOF'
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
try:
    from whitenoise import WhiteNoise  # serves what the pages need
    application = WhiteNoise(
        application, root='/usr/share/graphite-web/static', prefix='static/')
except ImportError:
    pass
EOF
}

graphite_web() {
  free_port
  graphite_port=$port
  export PYTHONPATH=$graphite GRAPHITE_SETTINGS_MODULE=e2e_settings \
    DJANGO_SETTINGS_MODULE=graphite.settings
  graphite-manage migrate --run-syncdb --noinput >"$graphite/web.log" 2>&1
  spawn gunicorn --bind "127.0.0.1:$graphite_port" --threads 4 \
    e2e_wsgi:application >>"$graphite/web.log" 2>&1
  wait_for 30 graphite_names ||
    diag "no graphite-web"$'\n'"$(tail -n 5 "$graphite/web.log")"
}

graphite_start() {
  [ -n "${graphite-}" ] || graphite_prepare
  rm -f "$graphite/carbon.pid"
  spawn carbon-cache --config="$graphite/conf/carbon.conf" \
    --pidfile="$graphite/carbon.pid" --logdir="$graphite/log" --nodaemon start \
    >"$graphite/carbon.log" 2>&1
  carbon=$spawned
  wait_for 30 eval ": </dev/tcp/127.0.0.1/$carbon_port" ||
    diag "no carbon"$'\n'"$(tail -n 5 "$graphite/carbon.log")"
  [ -n "${graphite_port-}" ] || graphite_web
}

# Carbon alone: graphite-web goes on showing what there was.
graphite_stop() {
  reap "$carbon"
}

graphite_render() { # TARGET [FORMAT [CURL-ARGUMENT...]]
  curl -sfG "http://127.0.0.1:$graphite_port/render" \
    --data-urlencode "target=$1" --data-urlencode "format=${2:-json}" \
    --data-urlencode "from=-10min" "${@:3}"
}

graphite_names() {
  curl -sf "http://127.0.0.1:$graphite_port/metrics/index.json" | jq -r '.[]'
}

graphite_target() { # INSTANCE SERIES [DATA_SOURCE]
  echo "collectd.test.proctrace-$1.$2${3:+.$3}"
}

graphite_query() { # INSTANCE SERIES [DATA_SOURCE]
  echo "/render?target=$(graphite_target "$@")&format=json"
}

graphite_points() { # INSTANCE SERIES [DATA_SOURCE]
  graphite_render "$(graphite_target "$@")" | jq -r '
    .[].datapoints[] | select(.[0] != null) | "\(.[1]) \(.[0])"'
}

graphite_instances() {
  graphite_names | cut -d. -f3 | sed -n 's/^proctrace-//p' | sort -u
}
