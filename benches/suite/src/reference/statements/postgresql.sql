-- What the library's driver for PostgreSQL has to send, by operation, as a host would write it that knows
-- nothing else. `:name` is a parameter. The first column of the first row is kept under its name, if it is
-- a bigint, for the statements that follow. `reference/bare.rs` reads this file.

-- operation: login
WITH found AS (
    SELECT t.id, u.is_active, t.extra_data, t.token_generator_id, u.username, s.name, t.token, t.time_added,
        t.last_updated, t.last_used, t.expires, t.valid, t.invalid_date, t.invalid_reason, t.note, t.policy
    FROM webapi_webapitoken t LEFT JOIN auth_user u ON u.id = t.user_id
    LEFT JOIN site_localsite s ON s.id = t.local_site_id
    WHERE t.token = :value),
written AS (
    UPDATE webapi_webapitoken t SET last_used = now() FROM found
    WHERE t.id = found.id AND t.token = :value AND found.is_active AND t.valid
        AND (t.expires IS NULL OR t.expires > now())
    RETURNING t.id)
SELECT EXISTS (SELECT 1 FROM written WHERE written.id = found.id), found.* FROM found;

-- operation: existing
SELECT u.id, u.username, s.id, s.name, t.id, u.is_active, t.extra_data, t.token_generator_id, u.username, s.name,
    t.token, t.time_added, t.last_updated, t.last_used, t.expires, t.valid, t.invalid_date, t.invalid_reason,
    t.note, t.policy
FROM auth_user u LEFT JOIN (
    SELECT t.id FROM webapi_webapitoken t JOIN auth_user o ON o.id = t.user_id
    WHERE o.username = :user AND t.local_site_id IS NULL AND t.valid
        AND (t.expires IS NULL OR t.expires > now() + interval '300' second)
    ORDER BY (t.expires IS NULL) DESC, t.expires DESC, t.id LIMIT 16) page ON 1 = 1
LEFT JOIN webapi_webapitoken t ON t.id = page.id LEFT JOIN site_localsite s ON s.id = t.local_site_id
WHERE u.username = :user;

-- operation: new
SELECT u.id, u.username, s.id, s.name, t.id, u.is_active, t.extra_data, t.token_generator_id, u.username, s.name,
    t.token, t.time_added, t.last_updated, t.last_used, t.expires, t.valid, t.invalid_date, t.invalid_reason,
    t.note, t.policy
FROM auth_user u LEFT JOIN (
    SELECT t.id FROM webapi_webapitoken t JOIN auth_user o ON o.id = t.user_id
    WHERE o.username = :user AND t.local_site_id IS NULL AND t.valid
        AND (t.expires IS NULL OR t.expires > now() + interval '300' second)
    ORDER BY (t.expires IS NULL) DESC, t.expires DESC, t.id LIMIT 16) page ON 1 = 1
LEFT JOIN webapi_webapitoken t ON t.id = page.id LEFT JOIN site_localsite s ON s.id = t.local_site_id
WHERE u.username = :user;
BEGIN;
SELECT u.id::bigint AS user_id, pg_advisory_xact_lock(1919054443, (u.id % 2147483647)::int)
FROM auth_user u WHERE u.username = :user;
SELECT settings FROM siteconfig_siteconfiguration ORDER BY site_id, id LIMIT 1;
SELECT f.owner, f.known, f.total, f.bytes, t.id, COALESCE(OCTET_LENGTH(t.extra_data), 0), t.last_updated, t.expires,
    t.token_generator_id, t.extra_data
FROM (SELECT (SELECT username FROM auth_user WHERE id = :user_id::bigint) AS owner, COUNT(*) AS known,
        CAST(SUM(t.id) AS char(40)) AS total, CAST(SUM(OCTET_LENGTH(t.extra_data)) AS char(40)) AS bytes
    FROM webapi_webapitoken t WHERE t.user_id = :user_id::bigint AND t.local_site_id IS NULL AND t.valid
        AND (t.expires IS NULL OR t.expires > now() + interval '300' second)) f
LEFT JOIN webapi_webapitoken t ON t.user_id = :user_id::bigint AND t.local_site_id IS NULL AND t.valid
        AND (t.expires IS NULL OR t.expires > now() + interval '300' second)
    AND t.last_updated >= now();
INSERT INTO webapi_webapitoken (user_id, token, token_generator_id, time_added, last_updated, expires, valid,
    invalid_reason, note, policy, extra_data)
VALUES (:user_id::bigint, :new_value, 'vendor_checksum', now(), now(), now() + interval '365' day, true, '', '',
    '{}', :extra_data)
RETURNING id::bigint AS id;
COMMIT;
