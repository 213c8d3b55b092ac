-- What the library sends to MySQL and MariaDB: see postgresql.sql.

-- operation: login
SELECT t.id, u.is_active, t.extra_data, t.token_generator_id, u.username, s.name, t.token, t.time_added,
    t.last_updated, t.last_used, t.expires, t.valid, t.invalid_date, t.invalid_reason, t.note, t.policy FROM
    webapi_webapitoken t LEFT JOIN auth_user u ON u.id = t.user_id LEFT JOIN site_localsite s ON s.id =
    t.local_site_id WHERE t.token = :value;
UPDATE webapi_webapitoken SET last_used = UTC_TIMESTAMP(6) WHERE id = :id AND token = :value AND valid AND
    (expires IS NULL OR (expires) > (UTC_TIMESTAMP(6)));

-- operation: page
SELECT u.id, u.username, s.id, s.name, t.id, COALESCE(OCTET_LENGTH(t.extra_data), 0), t.last_updated, t.id,
    u.is_active, t.extra_data, t.token_generator_id, u.username, s.name, t.token, t.time_added, t.last_updated,
    t.last_used, t.expires, t.valid, t.invalid_date, t.invalid_reason, t.note, t.policy FROM auth_user u LEFT JOIN
    (SELECT t.id FROM webapi_webapitoken t JOIN auth_user o ON o.id = t.user_id  WHERE o.username = :user AND
    t.local_site_id IS NULL AND t.valid AND (t.expires IS NULL OR ((t.expires) > (UTC_TIMESTAMP(6) + INTERVAL 300
    SECOND) AND (t.expires) <= (DATE'9999-12-31'))) ORDER BY (t.expires IS NULL) DESC,
    (t.expires) DESC, t.id LIMIT 16) page ON 1 = 1 LEFT JOIN webapi_webapitoken t ON t.id = page.id LEFT JOIN
    site_localsite s ON s.id = t.local_site_id WHERE u.username = :user;

-- operation: scan
SELECT t.id, COALESCE(OCTET_LENGTH(t.extra_data), 0), t.last_updated, t.expires, t.token_generator_id,
    t.extra_data FROM webapi_webapitoken t WHERE t.user_id = (SELECT id FROM auth_user WHERE username = :user) AND
    t.local_site_id IS NULL AND t.valid AND (t.expires IS NULL OR (t.expires > UTC_TIMESTAMP(6) + INTERVAL 300
    SECOND AND t.expires <= DATE'9999-12-31'));

-- operation: create
BEGIN;
SELECT id AS user_id FROM auth_user WHERE username = :user FOR UPDATE;
SELECT settings FROM siteconfig_siteconfiguration ORDER BY site_id, id LIMIT 1;
SELECT f.owner, f.site, f.known, f.total, f.bytes, t.id, COALESCE(OCTET_LENGTH(t.extra_data), 0),
    t.last_updated, t.expires, t.token_generator_id, t.extra_data FROM (SELECT (SELECT username FROM auth_user WHERE
    id = :user_id) AS owner, NULL AS site, COUNT(*) AS known, CAST(SUM(t.id) AS char(40)) AS total,
    CAST(SUM(COALESCE(OCTET_LENGTH(t.extra_data), 0)) AS char(40)) AS bytes FROM webapi_webapitoken t WHERE
    t.user_id = :user_id AND t.local_site_id IS NULL AND t.valid AND (t.expires IS NULL OR ((t.expires) >
    (UTC_TIMESTAMP(6) + INTERVAL 300 SECOND) AND (t.expires) <= (DATE'9999-12-31'))) AND t.id
    <= 9223372036854775806) f LEFT JOIN webapi_webapitoken t ON t.user_id = :user_id AND t.local_site_id IS NULL AND
    t.valid AND (t.expires IS NULL OR ((t.expires) > (UTC_TIMESTAMP(6) + INTERVAL 300 SECOND) AND (t.expires) <=
    (DATE'9999-12-31'))) AND (t.id > 9223372036854775806 OR (t.last_updated) >=
    (UTC_TIMESTAMP(6)));
INSERT INTO webapi_webapitoken (user_id, token, token_generator_id, time_added, last_updated, expires, valid,
    invalid_reason, note, policy, extra_data)
VALUES (:user_id, :new_value, 'vendor_checksum', UTC_TIMESTAMP(6), UTC_TIMESTAMP(6),
    UTC_TIMESTAMP(6) + INTERVAL 365 DAY, true, '', '', '{}', :extra_data);
COMMIT;
