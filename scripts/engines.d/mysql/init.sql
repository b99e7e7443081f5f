create database if not exists ecommerce character set utf8mb4;
create user if not exists 'ecommerce'@'%' identified by '@MYSQL_PASSWORD@';
alter user 'ecommerce'@'%' identified by '@MYSQL_PASSWORD@';
grant all privileges on *.* to 'ecommerce'@'%' with grant option;
alter user 'root'@'localhost' identified by '@MYSQL_PASSWORD@';
